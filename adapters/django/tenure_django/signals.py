"""Signals fed by the server's outgoing webhook.

Each is sent with ``user_id`` (str), ``data`` (the event's data), ``event_id``, ``event_type`` and
``timestamp`` (ISO 8601). A receiver that raises makes the server deliver the event again, to all
receivers; so a receiver must bear being called twice with one ``event_id``.
"""

from __future__ import annotations

from django.dispatch import Signal

#: The state, plan or access of a subscription changed (``data["from"]``, ``data["to"]``).
subscription_changed = Signal()
#: A payment failed; ``data["final"]`` says whether it will be tried again.
payment_failed = Signal()
#: Every event, of whatever type, those above included.
billing_event = Signal()

BY_TYPE = {"subscription.changed": subscription_changed, "payment.failed": payment_failed}

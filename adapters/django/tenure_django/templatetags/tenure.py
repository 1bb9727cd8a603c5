"""``{% load tenure %}``: show parts of a page by subscription and by feature.

    {% subscribed %} … {% else %} … {% endsubscribed %}
    {% feature "sso" %} … {% else %} … {% endfeature %}
    {% billing_state %}   {% if user|has_feature:"sso" %} … {% endif %}

The tags need ``django.template.context_processors.request``. When billing cannot be reached they
show the ``else`` part, and the state ``unknown``.
"""

from __future__ import annotations

from typing import Any, Optional

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token

from ..billing import Billing, get_billing
from ..errors import BillingUnavailable

register = template.Library()


class GateNode(template.Node):
    """Renders one of two parts."""

    child_nodelists = ("shown", "otherwise")

    def __init__(
        self, shown: NodeList, otherwise: NodeList, feature: Optional[FilterExpression]
    ) -> None:
        self.shown = shown
        self.otherwise = otherwise
        self.feature = feature

    def render(self, context: Any) -> str:
        """The first part when the user may see it."""
        feature = None if self.feature is None else self.feature.resolve(context)
        part = self.shown if _may(_billing_in(context), feature) else self.otherwise
        return part.render(context)


@register.tag
def subscribed(parser: Parser, token: Token) -> GateNode:
    """Shown to users with access."""
    if len(token.split_contents()) != 1:
        raise template.TemplateSyntaxError("{% subscribed %} takes no argument.")
    return GateNode(*_parts(parser, "endsubscribed"), None)


@register.tag
def feature(parser: Parser, token: Token) -> GateNode:
    """Shown to users whose plan includes the feature."""
    words = token.split_contents()
    if len(words) != 2:
        raise template.TemplateSyntaxError('{% feature "name" %} takes one argument.')
    name = parser.compile_filter(words[1])
    return GateNode(*_parts(parser, "endfeature"), name)


@register.simple_tag(takes_context=True)
def billing_state(context: Any) -> str:
    """The lifecycle state, like ``trialing``; ``none`` without a subscription."""
    billing = _billing_in(context)
    if billing is None:
        return "none"
    try:
        return billing.state
    except BillingUnavailable:
        return "unknown"


@register.filter
def has_feature(user: Any, name: str) -> bool:
    """``user|has_feature:"sso"``."""
    return _may(Billing(user), name)


def _may(billing: Optional[Billing], feature_name: Optional[str]) -> bool:
    if billing is None:
        return False
    try:
        return billing.is_active and (feature_name is None or billing.has_feature(feature_name))
    except BillingUnavailable:
        return False


def _billing_in(context: Any) -> Optional[Billing]:
    request = context.get("request")
    return None if request is None else get_billing(request)


def _parts(parser: Parser, end: str) -> tuple[NodeList, NodeList]:
    shown = parser.parse(("else", end))
    if parser.next_token().contents == end:
        return shown, NodeList()
    otherwise = parser.parse((end,))
    parser.delete_first_token()
    return shown, otherwise

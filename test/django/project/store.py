"""What the project's signal receivers saw, in a file so that every process shares it."""

from __future__ import annotations

import json
from typing import Any, Optional

from django.conf import settings

FILE = settings.STATE_DIR / "signals.jsonl"


def seen(event: Optional[dict[str, Any]] = None) -> list[dict[str, Any]]:
    """Add an event, if one is given; all of them in order."""
    if event is not None:
        with FILE.open("a") as file:
            file.write(json.dumps(event) + "\n")
    if not FILE.exists():
        return []
    return [json.loads(line) for line in FILE.read_text().splitlines()]

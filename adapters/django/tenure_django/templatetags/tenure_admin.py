"""Filters of the admin pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def at(row: Mapping[str, Any], key: str) -> Any:
    """The value under a key that only the context knows."""
    return row.get(key, "")


@register.filter
def words(name: str) -> str:
    """``receivedAt`` as ``received at``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()

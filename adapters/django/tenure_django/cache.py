"""Answers of the billing server in Django's cache, per user, dropped when the server says so.

Each user has a generation. Dropping starts a new one, and an answer counts only in the generation
in which it was asked for: a slow old answer can then never cover a newer state.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Optional

from django.core.cache import BaseCache, caches

from .conf import get_config
from .errors import BillingUnavailable

#: An answer, and for how many seconds it holds at most (None: as long as configured).
Answer = tuple[Any, Optional[float]]
_GENERATION_SECONDS = 7 * 24 * 3600


def remembered(user_id: str, question: str, ask: Callable[[], Answer]) -> Any:
    """The answer to a question about a user: from the cache while fresh, else asked.

    When the server is down, an answer of the same generation serves ``STALE_SECONDS`` longer;
    after that ``BillingUnavailable`` is raised.
    """
    config, cache = get_config(), get_cache()
    generation_key, entry_key = _key(user_id), _key(user_id, question)
    found = cache.get_many([generation_key, entry_key])
    generation, entry = found.get(generation_key), found.get(entry_key)
    if entry is not None and (generation is None or entry["generation"] != generation):
        entry = None
    if entry is not None and time.time() < entry["fresh_until"]:
        return entry["answer"]
    if generation is None:
        generation = _begin(cache, generation_key)
    try:
        answer, holds = ask()
    except BillingUnavailable:
        if entry is None:
            raise
        return entry["answer"]
    fresh = config.cache_seconds if holds is None else min(config.cache_seconds, max(holds, 0.0))
    if fresh > 0:
        stored = {"generation": generation, "answer": answer, "fresh_until": time.time() + fresh}
        cache.set(entry_key, stored, fresh + config.stale_seconds)
    return answer


def forget(user_id: str) -> None:
    """Drop everything that is remembered about a user, in every process that shares the cache."""
    get_cache().set(_key(user_id), secrets.token_hex(8), _GENERATION_SECONDS)


def get_cache() -> BaseCache:
    """The configured cache."""
    return caches[get_config().cache]


def _begin(cache: BaseCache, key: str) -> str:
    token = secrets.token_hex(8)
    if cache.add(key, token, _GENERATION_SECONDS):
        return token
    return cache.get(key) or token


def _key(user_id: str, question: str = "") -> str:
    """Ids may hold what a cache key may not (memcached), so they are hashed."""
    digest = hashlib.sha256(f"{user_id}\0{question}".encode()).hexdigest()[:40]
    return f"tenure:{digest}"

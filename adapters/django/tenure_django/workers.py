"""Threads for async views: ``http.client`` blocks, the event loop must not."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

#: Enough for as many answers in flight, long streams included; threads start as needed.
_executor = ThreadPoolExecutor(max_workers=64, thread_name_prefix="tenure")


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Run a blocking call in a worker thread, with the caller's context variables."""
    context = contextvars.copy_context()
    call = functools.partial(context.run, function, *args)
    return await asyncio.get_running_loop().run_in_executor(_executor, call)

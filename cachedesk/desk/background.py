"""Call a slow function on its own thread and await its result."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_background(function: Callable[[], T]) -> T:
    """Return ``function()``, called on a daemon thread.

    ``asyncio.to_thread`` is not used because the interpreter joins its threads at exit: a source
    that hangs would keep the desk from quitting.

    Raises:
        Exception: whatever ``function`` raises.
    """
    answer: Future[T] = Future()

    def call() -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            answer.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the awaiting task
            answer.set_exception(error)

    threading.Thread(target=call, name="desk-pull", daemon=True).start()
    return await asyncio.wrap_future(answer)

"""Opening the desk over a session of its own, until its user leaves or a signal comes."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from cachedesk.desk.app import DeskApp
from cachedesk.desk.first_time import is_first_time
from cachedesk.desk.look import Look
from cachedesk.desk.notice import NoticeApp
from cachedesk.engine.errors import CachedeskError
from cachedesk.engine.safeguards import ALL_ON, Safeguards
from cachedesk.engine.settings import Settings
from cachedesk.lab.driver import Load
from cachedesk.lab.session import Session, Traffic
from cachedesk.lab.signals import Signals
from cachedesk.output import is_served, short_path


def open_desk(
    data: Path,
    settings: Settings,
    traffic: Traffic,
    load: Load,
    look: Look,
    *,
    safeguards: Safeguards = ALL_ON,
    failpoints: str = "",
) -> int:
    """Drive a stack in ``data`` and show it, until the user leaves.

    Args:
        data: the data directory.
        settings: of the stack.
        traffic: what drives it.
        load: how much of it.
        look: how the desk looks.
        safeguards: which are on from the start.
        failpoints: armed before the stack opens, as ``point=terms;…``.

    Returns:
        The exit status: 0, or 128 and the number of the signal that ended it.

    Raises:
        CachedeskError: the stack cannot be opened. In a browser that is shown instead, for nobody
            would see it in a terminal.
    """
    _end_with_the_server()
    opened = partial(Session, safeguards=safeguards, failpoints=failpoints)
    try:
        with Signals() as signals, opened(data, settings, traffic, load) as session:
            session.start()
            app = DeskApp(
                session,
                None if look.read_only else session,
                inspector=session,
                refresh_hz=look.refresh_hz,
                data_label=short_path(data),
                deeds=look.deeds,
                theme=look.theme,
                greeting=look.hint and is_first_time(),
            )
            signals.on_signal = app.exit
            if not signals.received.is_set():
                app.run()
    except CachedeskError as error:
        if not is_served():
            raise
        NoticeApp("The desk cannot be opened", str(error)).run()
        return 2
    return signals.exit_code or app.return_code or 0


def _end_with_the_server() -> None:
    """A desk in a browser ends when its web server is killed: nobody could see it any more."""
    if is_served():
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)


_SET_PARENT_DEATH_SIGNAL = 1

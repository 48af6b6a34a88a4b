"""Open the desk over a new session, until the user quits or a signal arrives."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from cachedesk.console.output import is_served, short_path
from cachedesk.console.signals import Signals
from cachedesk.core.errors import CachedeskError
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.settings import Settings
from cachedesk.desk.app import DeskApp
from cachedesk.desk.appearance import Appearance
from cachedesk.desk.modes.pair_session import PairSession
from cachedesk.desk.modes.starting import StartingSession
from cachedesk.desk.modes.story_session import StorySession
from cachedesk.desk.modes.touring import LiveApp, TourPlan
from cachedesk.desk.onboarding import is_first_time
from cachedesk.desk.side_by_side import SideBySide
from cachedesk.desk.story_choice import StoryChoice
from cachedesk.desk.terminal.browser_tab import one_tab
from cachedesk.desk.terminal.leaving import Deadline
from cachedesk.desk.terminal.parent import PARENT_VARIABLE, end_with_parent
from cachedesk.desk.terminal.running import run_app
from cachedesk.desk.views.closing_message import closing_message, lost_writes, print_closing_message
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.session import Session


def open_desk(
    data: Path,
    settings: Settings,
    traffic: WorkloadTraffic,
    load: Load,
    appearance: Appearance,
    *,
    safeguards: Safeguards = ALL_ON,
    failpoints: str = "",
    restart_notice: str = "",
    plan: TourPlan | None = None,
) -> int:
    """Open a stack in ``data``, drive it with ``traffic``, and show it until the user quits.

    Args:
        data: the data directory.
        settings: the settings of the stack.
        traffic: the traffic that drives the stack, which is filled with its contents first.
        load: how many clients issue it, and how fast.
        appearance: how the desk looks and behaves.
        safeguards: the safeguards that are on at the start.
        failpoints: failpoints to arm before the stack opens, as ``point=terms;…``.
        restart_notice: what ended the previous desk; shown together with what was recovered.
        plan: the tour that the desk offers.

    Returns:
        The exit status: 0; 1 if an acknowledged write was lost; 128 plus the number of the signal
        that ended the desk; 70 after an internal error.

    Raises:
        CachedeskError: the stack cannot be opened. In a browser the screen shows the error.
    """
    tours = plan or TourPlan()
    _end_with_the_server()
    opened = partial(Session, safeguards=safeguards, failpoints=failpoints)
    session = StartingSession(partial(opened, data, settings, traffic, load), traffic.contents())
    saved: list[Path] = []
    try:
        with Signals() as signals:
            greeting = appearance.hint and is_first_time()
            stories = StorySession(appearance, None if tours.temporary else data)
            began = time.monotonic()
            crashes = None if tours.temporary else data
            pairs = PairSession(appearance, crashes, traffic, load.clients)

            def close() -> None:
                stories.close()
                pairs.close()
                session.close()

            def desk(*, first: bool, notice: str = "") -> LiveApp:
                return LiveApp(
                    session,
                    None if appearance.read_only else session,
                    inspector=session,
                    refresh_hz=appearance.refresh_hz,
                    data_label="" if tours.temporary else short_path(data),
                    actions=appearance.actions,
                    theme=appearance.theme,
                    greeting=greeting and first,
                    restart_notice=restart_notice if first else "",
                    folder=None if tours.temporary else data,
                    cards=appearance.cards,
                    plan=tours if first else replace(tours, at_once=False),
                    settings=settings,
                    rate=load.rate,
                    notice=notice,
                )

            with Deadline(close, lambda: signals.exit_code or 1) as deadline:
                try:
                    with one_tab():
                        app = desk(first=True)
                        served = is_served()
                        session.start(on_error=partial(_tell, app, session) if served else app.exit)
                        status = run_app(app, signals, deadline, crashes)
                        saved += app.saved
                        while (wanted := app.wanted) is not None and not signals.received.is_set():
                            session.rest(rests=True)
                            notice = play(wanted, stories, pairs, signals, deadline)
                            session.rest(rests=False)
                            before, app = app, desk(first=False, notice=notice)
                            app.history = before.history
                            app.take_over_past(before)
                            status = run_app(app, signals, deadline, crashes)
                            saved += app.saved
                finally:
                    session.close()
    except CachedeskError:
        if not is_served():
            raise
        return 2
    books = session.books()
    if books is None or signals.received.is_set() or tours.temporary:
        return status
    print_closing_message(
        closing_message(
            time.monotonic() - began, books, data, [*saved, *stories.saved, *pairs.saved]
        )
    )
    return status or (1 if lost_writes(books) else 0)


def play(
    wanted: StoryChoice | SideBySide,
    stories: StorySession,
    pairs: PairSession,
    signals: Signals,
    deadline: Deadline,
) -> str:
    """Show what the user left the desk for, and return what the desk says about it afterwards."""
    what = "The two stacks" if isinstance(wanted, SideBySide) else f"The story {wanted.name}"
    try:
        if isinstance(wanted, SideBySide):
            return pairs.show(wanted, signals, deadline)
        stories.play(wanted, signals, deadline)
    except (CachedeskError, OSError) as error:
        # The stack of the desk goes on: this is no reason to end it.
        return f"{what} could not be opened: {error}"
    return ""


def _tell(app: DeskApp, session: StartingSession) -> None:
    """Have ``app`` show why its session could not be opened."""
    app.refusal = str(session.error)


def _end_with_the_server() -> None:
    """End a desk in a browser when its web server is killed: it would have no screen any more."""
    if is_served():
        end_with_parent(int(os.environ.get(PARENT_VARIABLE) or os.getppid()))

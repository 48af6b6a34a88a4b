"""The past of a running stack: the desk shows the state of then while the stack goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cachedesk.core.snapshot import Health, HotKey, Snapshot
from cachedesk.desk.app import DeskApp
from cachedesk.desk.views.chart_view import CURSOR
from cachedesk.desk.views.formats import UNKNOWN, data_text, number
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.session import Session
from tests.engine.until import unhurried

from .piloting import drive, screen_text, until

pytestmark = pytest.mark.slow


@pytest.fixture
def session(tmp_path) -> Iterator[Session]:
    """A stack under a light workload."""
    data = tmp_path / "data"
    with Session(data, unhurried(), WorkloadTraffic("article", 1), Load(4, 200.0)) as running:
        running.start()
        yield running


def tells(app: DeskApp, of: Snapshot) -> bool:
    """Return whether headline, books, diagram and keys on the screen are those of ``of``."""
    text = screen_text(app)
    books = of.books
    down = of.redis.health is Health.DOWN
    keys = [key for key in of.hot[:3] if key.row and (key.cached or not key.cached_known)]
    return all(
        (
            f"accepted {number(books.accepted)}" in text,
            f"applied {number(books.applied)}" in text,
            ("Redis is down" in text) is down,
            ("held down" in text) is down,
            *(line_of(key, text) for key in keys),
        )
    )


def line_of(key: HotKey, text: str) -> bool:
    """Return whether the line of ``key`` has its values in Redis and in SQLite."""
    cells = next(line.split() for line in text.splitlines() if f"{data_text(key.key)} " in line)
    cached = data_text(key.cached or b"") if key.cached_known else UNKNOWN
    return {cached, data_text(key.row or b"")} <= set(cells)


def test_before_a_fault_everything_is_as_it_was_and_now_is_as_it_is(session):
    app = DeskApp(session, session, inspector=session, refresh_hz=4)

    def then() -> Snapshot | None:
        """Return a snapshot from before the fault that has something to show."""
        ring = app.time_machine.ring
        for record in range(len(ring) - 1, ring.first, -1):
            kept = ring.at(record)
            if (
                kept.redis.health is Health.UP
                and not kept.faults
                and kept.redis.keys > 20
                and kept.hot[0].row
            ):
                return kept
        return None

    async def script(pilot):
        await until(pilot, lambda: len(app.time_machine.ring) > 3, "the past is kept")
        await until(pilot, lambda: then() is not None, "the stack works")
        await pilot.press("d")
        await until(pilot, lambda: app.desk.latest.redis.word == "held down", "it is held down")
        await until(pilot, lambda: "held down" in screen_text(app), "the desk says so")
        before = then()
        assert before is not None
        for _ in range(200):
            await pilot.press("comma")
            record = app.time_machine.player.where().record
            await until(pilot, lambda r=record: app._past_shown == r, "the moment is shown")
            if app.desk.shown.at <= before.at:
                break
        assert app.desk.shown == before
        assert tells(app, before)
        assert CURSOR in screen_text(app)
        assert "all well" in screen_text(app)
        # Redis is still down: the desk only shows something else.
        assert session.stack.snapshot().redis.word == "held down"
        await until(pilot, lambda: app.desk.latest.at > before.at + 2, "the stack goes on")
        assert tells(app, before)
        await pilot.press("h")
        assert "redis.down" in session.stack.snapshot().faults, "it was refused"
        await pilot.press("end")
        await until(pilot, lambda: tells(app, app.desk.latest), "now is shown")
        assert "held down" in screen_text(app)
        await pilot.press("h")
        await until(pilot, lambda: app.desk.latest.redis.health is Health.UP, "it is back")

    drive(app, script, (120, 40))

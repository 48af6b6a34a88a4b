"""The desk reads the values of the hot keys from Redis only while their panel is visible: Redis
counts each reading in its own figures, and as a use of the key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from cachedesk.core.commands import Record
from cachedesk.desk.app import DeskApp
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.session import Session
from cachedesk.observe.auditor import Auditor
from cachedesk.recording.recording_file import RecordingFile
from tests.engine.until import unhurried
from tests.engine.until import until as settled

from .piloting import drive, until

pytestmark = pytest.mark.slow

KEYS = [f"session:{place}" for place in range(20)]


@pytest.fixture
def session(tmp_path, monkeypatch) -> Iterator[Session]:
    """A stack with twenty keys in Redis, without a load, and with an auditor that rests."""
    monkeypatch.setattr(Auditor, "every_seconds", 3600.0)
    traffic = WorkloadTraffic("article", 1)
    with Session(tmp_path / "data", unhurried(), traffic, Load(1, 1.0)) as opened:
        for key in KEYS:
            opened.stack.layer.set(key, b"1")
        settled(lambda: opened.stack.snapshot().redis.keys >= len(KEYS))
        yield opened


class Counting:
    """The session as the source of a desk; counts how often it was asked."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.pulls = 0

    def snapshot(self):
        found = self.session.snapshot()
        self.pulls += 1
        return found

    def read_hot_values(self, *, wanted: bool) -> None:
        self.session.read_hot_values(wanted=wanted)


def lookups(session: Session) -> int:
    """Return how many keys Redis says it has looked up for reads, found or not."""
    with Redis(unix_socket_path=session.stack.redis_socket) as redis:
        stats = redis.info("stats")
    return stats["keyspace_hits"] + stats["keyspace_misses"]


def known(app: DeskApp) -> bool:
    """Return whether the newest snapshot has the values in Redis of its keys."""
    latest = app.desk.latest
    return latest is not None and bool(latest.hot) and all(key.cached_known for key in latest.hot)


def unknown(app: DeskApp) -> bool:
    latest = app.desk.latest
    return latest is not None and not any(key.cached_known for key in latest.hot)


HIDE = {
    "its number": (["7"], ["7"]),
    "another panel": (["shift+tab", "z"], ["escape"]),
}


@pytest.mark.parametrize("how", HIDE)
def test_a_hidden_panel_leaves_no_trace_in_the_figures_of_redis(session, how):
    hide, back = HIDE[how]
    source = Counting(session)
    app = DeskApp(source, session, refresh_hz=4)

    async def script(pilot):
        await until(pilot, lambda: known(app), "the values are read")
        await pilot.press(*hide)
        await until(pilot, lambda: unknown(app), "they are read no longer")
        before, pulls = lookups(session), source.pulls
        await until(pilot, lambda: source.pulls > pulls + 5, "the desk has looked again")
        assert lookups(session) == before
        assert [key.row for key in app.desk.latest.hot] == [b"1"] * len(KEYS)
        await pilot.press(*back)
        await until(pilot, lambda: known(app), "the values are read again")
        assert lookups(session) > before

    drive(app, script, (120, 40))


def test_a_window_without_room_for_the_keys_reads_none(session):
    app = DeskApp(Counting(session), session, refresh_hz=4)

    async def script(pilot):
        await until(pilot, lambda: known(app), "the values are read")
        await pilot.resize_terminal(60, 5)
        await until(pilot, lambda: unknown(app), "they are read no longer")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: known(app), "the values are read again")

    drive(app, script, (80, 24))


def test_a_recording_has_the_values_though_the_desk_does_not_read_them(session, tmp_path):
    session.read_hot_values(wanted=False)
    assert not any(key.cached_known for key in session.snapshot().hot)
    path = tmp_path / "all.rec"
    session.perform(Record(str(path)))
    session.perform(Record(None))
    with RecordingFile(path) as recording:
        assert all(key.cached_known for key in recording.at(0).hot)

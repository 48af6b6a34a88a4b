"""Every key and every button at the desk of a running stack: what comes of it in the engine."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot

from cachedesk.core.commands import Heal, Inject, PauseWorker, ResumeWorker
from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import Health, Snapshot
from cachedesk.desk.actions import ACTIONS, Action, Group
from cachedesk.desk.app import DeskApp
from cachedesk.desk.modes.pair_opener import PairOpener
from cachedesk.desk.screens.clips import ClipsScreen
from cachedesk.desk.screens.evict import EvictScreen
from cachedesk.desk.screens.faults import FaultsScreen
from cachedesk.desk.screens.help import HelpScreen
from cachedesk.desk.screens.inspector import InspectorScreen
from cachedesk.desk.screens.steering import SteeringScreen
from cachedesk.desk.screens.stories import StoriesScreen
from cachedesk.desk.screens.versus_choice import VersusChoiceScreen
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.session import Session
from cachedesk.recording.recording_file import RecordingFile
from tests.engine.until import unhurried
from tests.engine.until import until as settled

from .piloting import drive, screen_text, until

pytestmark = pytest.mark.slow

MINE = b"session:mine"
"""A key that the workload does not use."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A stack under a light workload."""
    data = tmp_path_factory.mktemp("live") / "data"
    load = Load(4, 200.0)
    with Session(data, unhurried(), WorkloadTraffic("article", 1), load) as running:
        running.start()
        for _ in range(300):
            running.stack.layer.set(MINE, b"41")
        settled(lambda: running.stack.snapshot().redis.keys > 20)
        yield running


@pytest.fixture
def unbroken(session: Session) -> Iterator[Session]:
    """The session, with nothing broken before and after."""
    yield session
    session.perform(Heal())
    session.perform(ResumeWorker())
    settled(lambda: session.stack.snapshot().redis.health is Health.UP)
    settled(lambda: session.stack.snapshot().worker.health is not Health.DOWN)


@dataclass
class Live:
    """A desk that is being driven, and the stack behind it."""

    pilot: Pilot[None]
    app: DeskApp
    session: Session
    how: str

    @property
    def now(self) -> Snapshot:
        return self.session.stack.snapshot()

    async def do(self, action: Action) -> None:
        """Do it by its key or by its button."""
        if self.how == "key":
            await self.press(action.key)
        else:
            assert await self.pilot.click(f"#action-{action.name}")

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        await until(self.pilot, condition, what)

    async def opened(self, kind: type) -> None:
        await self.until(lambda: isinstance(self.app.screen, kind), f"{kind.__name__} is open")

    async def close(self) -> None:
        await self.press("escape")
        await self.until(lambda: self.app.screen is self.app.desk, "it is closed")

    async def select_mine(self) -> None:
        self.app.desk.key_table._chosen = True
        self.app.desk.key_table.selected = MINE
        await self.pilot.pause()

    def said(self, text: str, since: float) -> bool:
        """Whether an event said this since then."""
        return any(text in event.text for event in self.now.events if event.at >= since)


Check = Callable[[Live, Action], Awaitable[None]]


async def kill(live: Live, action: Action) -> None:
    before = live.now.redis.pid
    await live.do(action)
    await live.until(lambda: live.now.redis.pid not in (before, None), "another server runs")
    await live.until(lambda: live.now.redis.health is Health.UP, "it is in use")


async def hold_down(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: live.now.redis.word == "held down", "it is held down")
    await live.press("h")
    await live.until(lambda: live.now.redis.health is Health.UP, "it is back")


async def crash(live: Live, action: Action) -> None:
    before = live.now.worker.restarts
    await live.do(action)
    await live.until(lambda: live.now.worker.restarts > before, "the next worker works")


async def lock(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: "database.lock" in live.now.faults, "it is locked")
    await live.press("h")
    await live.until(lambda: not live.now.faults, "it is free")


async def faults(live: Live, action: Action) -> None:
    await live.do(action)
    await live.opened(FaultsScreen)
    names = [fault.name for fault in live.now.catalogue]
    await live.press(*["down"] * names.index("redis.hang"), "enter")
    await live.until(lambda: live.now.redis.word == "hung", "it hangs")
    await live.press("h")
    await live.until(lambda: live.now.redis.health is Health.UP, "it goes on")
    # While one fault is known to be active, another may not be offered.
    await live.until(lambda: not live.app.desk.latest.faults, "the desk knows")
    before = live.now.at
    await live.do(action)
    await live.opened(FaultsScreen)
    await live.press(*["down"] * names.index("database.slow"), "tab", "tab", *"0.2", "enter")
    await live.until(lambda: live.app.screen is live.app.desk, "the catalogue is closed")
    await live.until(lambda: live.said("its time was up", before), "it was for 0.2 s")


async def heal(live: Live, action: Action) -> None:
    live.session.perform(Inject("database.slow:1ms"))
    await live.do(action)
    await live.until(lambda: not live.now.faults, "nothing is broken")


async def evict_key(live: Live, action: Action) -> None:
    await live.select_mine()
    live.session.stack.layer.get(MINE)
    await live.do(action)
    await live.until(lambda: cached(live, MINE) is None, "Redis has it no more")
    assert live.session.stack.layer.get(MINE) == b"41", "the truth keeps it"


async def evict(live: Live, action: Action) -> None:
    live.session.stack.layer.get(MINE)
    await live.do(action)
    await live.opened(EvictScreen)
    await live.press("down", "down", "down", "down", "enter", *"session:*", "enter")
    await live.until(lambda: cached(live, MINE) is None, "Redis has it no more")


async def pause(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: live.now.worker.paused, "it is paused")
    await live.until(lambda: live.app.desk.latest.worker.paused, "the desk knows")
    await live.until(lambda: "p resume" in screen_text(live.app), "the key says what it does")
    await live.do(action)
    await live.until(lambda: not live.now.worker.paused, "it goes on")


async def step(live: Live, action: Action) -> None:
    live.session.perform(PauseWorker())
    live.session.stack.layer.set(MINE, b"41")
    await live.until(lambda: live.now.log.depth > 0 and not live.now.log.in_flight, "it waits")
    before = live.now.worker.batches
    await live.do(action)
    await live.until(lambda: live.now.worker.batches == before + 1, "one batch was flushed")
    assert live.now.worker.paused
    live.session.perform(ResumeWorker())


async def steer(live: Live, action: Action) -> None:
    await live.do(action)
    await live.opened(SteeringScreen)
    before = live.now
    await live.press("down", "right", "down", "right", "down", "right", "down", "right")
    await live.press("down", "right")
    await live.until(lambda: live.now.worker.batch_events > before.worker.batch_events, "larger")
    await live.until(
        lambda: live.now.worker.batch_age_seconds > before.worker.batch_age_seconds, "older"
    )
    await live.until(lambda: live.session.snapshot().rate > 200, "faster")
    await live.until(
        lambda: live.now.redis.maxmemory_bytes == 2 * before.redis.maxmemory_bytes, "roomier"
    )
    await live.until(
        lambda: live.now.redis.eviction_policy != before.redis.eviction_policy, "other policy"
    )
    await live.press("left", "up", "left", "up", "left", "up", "left", "up", "left")
    await live.until(lambda: live.session.snapshot().rate == 200, "as before")
    await live.close()


async def record(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: live.app.desk.latest.recording != "", "it is recorded")
    path = Path(live.app.desk.latest.recording)
    await live.do(action)
    await live.until(lambda: live.app.desk.latest.recording == "", "it has ended")
    assert path.parts[-2:] == ("recordings", "desk-001.rec")
    with RecordingFile(path) as tape:
        assert len(tape) >= 1


async def inspect(live: Live, action: Action) -> None:
    await live.select_mine()
    live.session.stack.layer.set(MINE, b"the value of mine")
    await live.do(action)
    await live.opened(InspectorScreen)
    await live.until(lambda: explained(live) == b"the value of mine", "it is explained")
    live.session.stack.layer.set(MINE, b"41")
    await live.until(lambda: explained(live) == b"41", "it follows")
    await live.close()


async def freeze(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: live.app.desk.frozen, "it is frozen")
    at = live.app.desk.shown.at
    await live.until(lambda: live.app.desk.latest.at > at + 1, "it collects")
    assert live.app.desk.shown.at == at
    await live.do(action)
    await live.until(lambda: live.app.desk.shown.at > at, "it shows now")


async def save_picture(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: any(path.exists() for path in live.app.saved), "there is a picture")


def seconds(change: Callable[[float], bool]) -> Check:
    async def check(live: Live, action: Action) -> None:
        before = live.app.desk.timespan.seconds
        await live.do(action)
        await live.until(lambda: change(live.app.desk.timespan.seconds - before), action.label)

    return check


async def bookmark(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(
        lambda: any(mark.is_bookmark for mark in live.app.desk.latest.marks), "the session has it"
    )


async def clips(live: Live, action: Action) -> None:
    live.session.perform(Inject("redis.kill"))
    await live.until(lambda: bool(live.app.clips), "there is a clip")
    await live.do(action)
    await live.opened(ClipsScreen)
    await live.close()
    await live.until(lambda: live.now.redis.health is Health.UP, "it is back")


def looks(change: Callable[[float], bool]) -> Check:
    """Return a check of an action that changes by how much the desk looks back, beginning one
    second back."""

    async def check(live: Live, action: Action) -> None:
        app = live.app
        await live.press("comma", "comma")
        await live.until(lambda: app.looks_back, "it looks back")
        before = app.time_machine.player.where().seconds
        await live.do(action)
        await live.until(
            lambda: not app.looks_back or change(app.time_machine.player.where().seconds - before),
            action.label,
        )
        await live.press("end")
        await live.until(lambda: not app.looks_back, "it shows now")

    return check


async def expand(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: live.app.desk.expanded is not None, "one has the room")
    await live.press("escape")
    await live.until(lambda: live.app.desk.expanded is None, "all have it")


async def filter_keys(live: Live, action: Action) -> None:
    await live.do(action)
    await live.press(*"mine", "enter")
    await live.until(lambda: live.app.desk.key_table.filter_text == "mine", "it filters")
    await live.press("slash", "escape")
    await live.until(lambda: live.app.desk.key_table.filter_text == "", "it does not")


async def sort(live: Live, action: Action) -> None:
    before = live.app.desk.key_table.order
    await live.do(action)
    await live.until(lambda: live.app.desk.key_table.order is before.next, "another order")


async def project(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: live.app.desk.projected, "the flow is shown large")
    await live.do(action)
    await live.until(lambda: not live.app.desk.projected, "everything is shown again")


async def incident(live: Live, action: Action) -> None:
    live.session.perform(Inject("redis.empty"))
    pane = live.app.desk.card_pane
    await live.until(lambda: pane.card is not None, "its card is shown")
    await live.do(action)
    await live.until(lambda: pane.card is None, "it is closed")
    await live.do(action)
    await live.until(lambda: pane.card is not None, "it is shown again")
    await live.press("escape")


def opens(kind: type) -> Check:
    async def check(live: Live, action: Action) -> None:
        await live.do(action)
        await live.opened(kind)
        await live.close()

    return check


async def panel(live: Live, action: Action) -> None:
    number = int(action.key)
    before = number in live.app.desk._arranged
    for wanted in (not before, before):
        await live.do(action)
        await live.until(lambda w=wanted: (number in live.app.desk._arranged) is w, action.label)


async def leave(live: Live, action: Action) -> None:
    await live.do(action)
    await live.until(lambda: live.app._exit, "it leaves")
    assert live.session.stack.layer.get(MINE) is not None, "the stack is its owner's to close"


def explained(live: Live) -> bytes | None:
    """Return the truth that the inspector shows."""
    screen = live.app.screen
    report = screen._report if isinstance(screen, InspectorScreen) else None
    return None if report is None else report.truth.value


def cached(live: Live, key: bytes) -> bytes | None:
    return live.session.stack.inspect(key).cached.value


CHECKS: dict[str, Check] = {
    "kill-redis": kill,
    "hold-redis-down": hold_down,
    "crash-worker": crash,
    "lock-database": lock,
    "faults": faults,
    "heal": heal,
    "evict-key": evict_key,
    "evict": evict,
    "pause-worker": pause,
    "step-worker": step,
    "steer": steer,
    "record": record,
    "inspect": inspect,
    "filter": filter_keys,
    "sort": sort,
    "freeze": freeze,
    "zoom-in": seconds(lambda change: change < 0),
    "zoom-out": seconds(lambda change: change > 0),
    "zoom-reset": seconds(lambda change: change == 0),
    "look-back": looks(lambda moved: moved < -1),
    "look-on": looks(lambda moved: moved > 1),
    "look-far-back": looks(lambda moved: moved < -1),
    "look-far-on": looks(lambda moved: moved > 1),
    "look-step-back": looks(lambda moved: moved < 0),
    "look-step-on": looks(lambda moved: moved > 0),
    "bookmark": bookmark,
    "clips": clips,
    "look-play": looks(lambda moved: moved > 0),
    "look-oldest": looks(lambda moved: moved < 0),
    "look-live": looks(lambda moved: False),
    "expand": expand,
    "save-picture": save_picture,
    "incident": incident,
    "projector": project,
    "stories": opens(StoriesScreen),
    "versus": opens(VersusChoiceScreen),
    "menu": opens(CommandPalette),
    "help": opens(HelpScreen),
    **{action.name: panel for action in ACTIONS if action.group is Group.PANELS},
    "quit": leave,
}


OPENED = {
    "faults": FaultsScreen,
    "evict": EvictScreen,
    "steer": SteeringScreen,
    "inspect": InspectorScreen,
}
"""What a button opens; what can be done there is tested where a key opens it."""


def desk_of(session, folder):
    """Return the desk of a live stack, which has every action."""
    return PairOpener(
        session, session, inspector=session, refresh_hz=4, folder=folder, settings=Settings()
    )


def test_every_action_is_tested():
    assert {action.name for action in ACTIONS} == set(CHECKS)


@pytest.mark.parametrize("group", Group, ids=lambda group: group.name.lower())
def test_every_key_does_what_it_says(unbroken, group, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = desk_of(unbroken, tmp_path / "saved")

    async def script(pilot):
        live = Live(pilot, app, unbroken, "key")
        await live.until(lambda: app.desk.latest is not None, "something is shown")
        for action in ACTIONS:
            if action.group is group and action.name != "quit":
                await CHECKS[action.name](live, action)
        if group is Group.LOOK:
            await CHECKS["quit"](live, next(action for action in ACTIONS if action.name == "quit"))

    # Only there is room for each panel beside all others.
    drive(app, script, (120, 40) if group is Group.PANELS else (80, 24))
    assert os.getcwd() == str(tmp_path)


def test_every_button_does_what_its_key_does(unbroken, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = desk_of(unbroken, tmp_path / "saved")

    async def script(pilot):
        live = Live(pilot, app, unbroken, "button")
        await live.until(lambda: app.desk.latest is not None, "something is shown")
        buttons = [
            action for action in ACTIONS if app.desk.query_one(f"#action-{action.name}").display
        ]
        assert {action.name for action in buttons} >= {"evict", "record", "sort"}
        assert {action.name for action in buttons} >= {
            action.name for action in ACTIONS if action.has_button
        }
        for action in sorted(buttons, key=lambda action: action.name == "quit"):
            check = opens(OPENED[action.name]) if action.name in OPENED else CHECKS[action.name]
            await check(live, action)

    # So wide that nearly everything has a button.
    drive(app, script, (250, 24))

"""Draw the pictures of the README from a recording of a real run.

python assets/make_pictures.py           # draw them from what is in assets/recorded
python assets/make_pictures.py --record  # run the stack for three minutes first and record it

Draw them again after a change of the desk. Record again when a recording lacks what the desk shows
now, such as a new figure of a snapshot.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

# Nothing in a picture may depend on the machine.
os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TZ"] = "UTC"
os.environ["COLORTERM"] = "truecolor"
os.environ.pop("NO_COLOR", None)
os.environ.pop("TEXTUAL_THEME", None)
time.tzset()

import msgspec  # noqa: E402

from cachedesk.cli.main import DESK_ARTICLES, DESK_RATE  # noqa: E402
from cachedesk.core.commands import Command, Inject, Record  # noqa: E402
from cachedesk.core.key_report import KeyReport  # noqa: E402
from cachedesk.core.settings import Settings  # noqa: E402
from cachedesk.core.snapshot import Snapshot  # noqa: E402
from cachedesk.desk.app import DeskApp  # noqa: E402
from cachedesk.desk.modes.live_story import StoryApp  # noqa: E402
from cachedesk.desk.modes.starting import StartingSession  # noqa: E402
from cachedesk.desk.modes.touring import LiveApp  # noqa: E402
from cachedesk.lab.load.driver import Load  # noqa: E402
from cachedesk.lab.load.traffic import WorkloadTraffic  # noqa: E402
from cachedesk.lab.run.session import Session  # noqa: E402
from cachedesk.lab.stories.library import story  # noqa: E402
from cachedesk.lab.stories.scene import Scene  # noqa: E402
from cachedesk.lab.stories.story_runner import StoryRunner  # noqa: E402
from cachedesk.recording.recorder import Recorder  # noqa: E402
from cachedesk.recording.recording_file import RecordingFile  # noqa: E402

ASSETS = Path(__file__).resolve().parent
RECORDED = ASSETS / "recorded"
SIZE = (120, 40)

KEY = b"views:article:1"
STORY, STORY_STEPS = "the-gap", 7

_WRITES = 120
"""So many recent writes of the key are kept: the timeline of the inspector shows a second."""

_STEADY_SECONDS, _REFILL_SECONDS, _DOWN_SECONDS = 70.0, 40.0, 6.0
_CARD_SECONDS = 8.0
_STEP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Still:
    """A stack that stands still: a snapshot, and the report of the one key that was explained."""

    shown: Snapshot
    report: KeyReport | None = None
    told: Scene | None = None

    def snapshot(self) -> Snapshot:
        """Return the one snapshot: what was recorded is not being recorded now."""
        return replace(self.shown, recording="")

    def inspect(self, key: bytes) -> KeyReport:
        """Return the one report."""
        assert self.report is not None
        assert self.report.key == key
        return self.report

    def perform(self, command: Command) -> str:
        """Refuse: nothing runs."""
        raise NotImplementedError

    def scene(self) -> Scene:
        """Return the one scene of a story."""
        assert self.told is not None
        return self.told

    def advance(self) -> None:
        """Refuse: nothing runs."""
        raise NotImplementedError

    back = advance

    def stop(self) -> None:
        """Do nothing: no step is being played."""


def _still(name: str, record: int, report: KeyReport | None = None) -> Still:
    with RecordingFile(RECORDED / name) as recording:
        return Still(recording.at(record % len(recording)), report)


def _desk(still: Still) -> DeskApp:
    return DeskApp(still, still, inspector=still, refresh_hz=None, data_label="~/data")


def _inspector() -> DeskApp:
    raw = (RECORDED / "inspector.json").read_bytes()
    return _desk(_still("desk.rec", 0, msgspec.json.decode(raw, type=KeyReport)))


def story_still() -> Still:
    """Return what was recorded of the story."""
    scene = msgspec.json.decode((RECORDED / "story.json").read_bytes(), type=Scene)
    return replace(_still("story.rec", -1), told=scene)


def _story() -> DeskApp:
    return StoryApp(story_still(), refresh_hz=None, follows=False)


def _card() -> DeskApp:
    """Return a desk that has seen a kill and the seconds after it."""
    with RecordingFile(RECORDED / "kill.rec") as recording:
        seen = [recording.at(number) for number in range(len(recording))]
    still = Still(seen[-1])
    app = LiveApp(still, still, refresh_hz=None, data_label="~/data", settings=Settings())
    for snapshot in seen:
        app.history = app.history.after(snapshot)
    return app


PICTURES: dict[str, tuple[Callable[[], DeskApp], tuple[str, ...]]] = {
    "desk.svg": (lambda: _desk(_still("desk.rec", 0)), ()),
    "redis-down.svg": (lambda: _desk(_still("desk.rec", -1)), ()),
    "card.svg": (_card, ("I",)),
    "inspector.svg": (_inspector, ("enter",)),
    "story.svg": (_story, ()),
}
"""How each picture is made: an app, and the keys that are pressed."""


def draw(name: str) -> str:
    """Return the picture of this name as SVG."""

    async def picture() -> str:
        make, keys = PICTURES[name]
        app = make()
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause()
            await pilot.press(*keys)
            await app.workers.wait_for_complete()
            await pilot.pause()
            return app.export_screenshot(title="cachedesk")

    return asyncio.run(picture())


def record() -> None:
    """Run the stack and a story, and keep what the pictures show."""
    RECORDED.mkdir(exist_ok=True)
    with _new_files():
        # In the folder of the recording, whose name the desk shows.
        _record_desk()
        _record_story()


@contextmanager
def _new_files() -> Iterator[None]:
    """Work in an empty folder, and keep its files once all of them are there."""
    with TemporaryDirectory() as folder, chdir(folder):
        yield
        for path in (each for each in Path(folder).iterdir() if each.is_file()):
            (RECORDED / path.name).write_bytes(path.read_bytes())


def _record_desk() -> None:
    # As "cachedesk" opens it.
    traffic, load = WorkloadTraffic("article", 1, DESK_ARTICLES), Load(4, DESK_RATE)
    opened = partial(Session, Path("data"), Settings(), traffic, load)
    session = StartingSession(opened, traffic.contents())
    session.start(on_error=lambda: None)
    try:
        while session.snapshot().rate is None:
            time.sleep(0.1)
        time.sleep(_STEADY_SECONDS)
        session.perform(Record("kill.rec"))
        time.sleep(_CARD_SECONDS)
        session.perform(Inject("redis.kill"))
        time.sleep(_CARD_SECONDS)
        session.perform(Record(None))
        time.sleep(_REFILL_SECONDS)
        report = _report(session)
        session.perform(Record("desk.rec"))
        session.perform(Inject("redis.down"))
        time.sleep(_DOWN_SECONDS)
        session.perform(Record(None))
    finally:
        session.close()
    Path("inspector.json").write_bytes(msgspec.json.encode(report))


def _report(session: StartingSession) -> KeyReport:
    """Return the report of the hottest key at a moment at which two events of it are pending."""
    while True:
        report = session.inspect(KEY)
        if len(report.steps) >= 2 and report.agrees and not report.moving:
            writes = report.writes[-_WRITES:]
            return replace(report, writes=writes, writes_since=writes[0].accepted_at)


def _record_story() -> None:
    Path("acts").mkdir()
    runner = StoryRunner(story(STORY), Path("acts"))
    try:
        for _ in range(STORY_STEPS):
            runner.advance()
            time.sleep(_STEP_SECONDS)
        recorder = Recorder(Path("story.rec"), runner.snapshot, print)
        recorder.stop()
        Path("story.json").write_bytes(msgspec.json.encode(runner.scene()))
    finally:
        runner.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    elif sys.argv[1:]:
        sys.exit(__doc__)
    for drawn in PICTURES:
        (ASSETS / drawn).write_text(draw(drawn), encoding="utf-8")
        print(ASSETS / drawn)

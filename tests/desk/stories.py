"""A story that stands still, for pictures of the desk: the-gap, with the figures of a real run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cachedesk.core.engine_event import EventCode
from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import DatabaseState, Health, HotKey, LogState, Mark, Snapshot
from cachedesk.lab.stories import expressions
from cachedesk.lab.stories.library import story
from cachedesk.lab.stories.scene import ClaimResult, Scene
from cachedesk.lab.stories.script import Story
from cachedesk.lab.stories.story_figures import written
from cachedesk.lab.stories.story_keys import KeyLine
from cachedesk.lab.stories.templates import filled

from . import scenes
from .made_history import NOW, Half
from .piloting import RecordingControl
from .scenes import ADMITTED, told

ARTICLES, TIMES, PAYMENTS = 50, 4, 20
VIEWS = ARTICLES * TIMES
NOTHING = Half(0, 0, 0, 0, 0, 0, 0, 0, 0)
TOLD, FLIPPED_STORY = story("the-gap"), story("the-gap").flipped("log")


def stack(*, logged: bool, killed: float | None = None, goes_on: float | None = None) -> Snapshot:
    """Return the stack of the story.

    Args:
        logged: whether the log is on.
        killed: how long ago Redis was killed; ``None``: it was not.
        goes_on: how long ago the worker went on; ``None``: it is paused.
    """
    began = (killed or 0.0) + 3.5
    beginning = Snapshot(at=NOW)

    def half(age: float, depth: int) -> Half:
        # The views, the payments, the reads; then what waits goes with Redis, or is flushed.
        match began - age:
            case 1.0:
                return replace(NOTHING, behind=VIEWS)
            case 1.5:
                return replace(NOTHING, through=PAYMENTS)
            case 2.5:
                return replace(NOTHING, hits=ARTICLES)
        if killed is not None and not logged and age < killed:
            return replace(NOTHING, lost=depth)
        if goes_on is not None and age < goes_on:
            return replace(NOTHING, flushed=depth, rows=ARTICLES)
        return NOTHING

    lost = VIEWS if killed is not None and not logged else 0
    flushed = logged and goes_on is not None
    row = b"%d" % TIMES if flushed else None
    waiting = 0 if flushed or lost else TIMES
    hot = HotKey(
        b"", "write-behind", TIMES + 1,
        cached=None if killed is not None else b"%d" % TIMES,
        pending=waiting if logged else 0,
        row=row,
        truth=b"%d" % TIMES if logged else None,
        unlogged=0 if logged else waiting,
    )  # fmt: skip
    events = [told(began, EventCode.WORKER_PAUSED, logged=logged)]
    marks = [Mark("worker.pause", NOW - began, None if goes_on is None else NOW - goes_on)]
    if killed is not None:
        no_log = {"kept_by": f"{VIEWS} acknowledged writes are in no log"} if lost else {}
        marks.append(Mark("redis.kill", NOW - killed, NOW - killed))
        events += [
            told(killed, EventCode.FAULT_INJECTED, fault="redis.kill", argument="", seconds=None,
                 result="Redis was killed (SIGKILL to pid 4711)"),
            told(killed - 0.05, EventCode.REDIS_DIED, successor="empty"),
            told(killed - 0.1, EventCode.REDIS_BACK, seconds=0.1, lost=ARTICLES + PAYMENTS,
                 **ADMITTED | no_log),
        ]  # fmt: skip
    if lost:
        seqs = (1, 51, 101, 151, 2)
        events.append(
            told((killed or 0.0) - 0.2, EventCode.UNLOGGED_WRITES_LOST, count=lost, seqs=seqs)
        )
    if goes_on is not None:
        events.append(told(goes_on, EventCode.WORKER_RESUMED))
    worker = replace(scenes.HEALTHY.worker, batch_events=1_000, batch_age_seconds=0.25, batches=0)
    found = scenes.scene(
        half, seconds=began, depth=0, begun=beginning,
        uptime_seconds=began,
        redis=replace(scenes.HEALTHY.redis, memory_bytes=938_408,
                      keys=0 if killed is not None else ARTICLES + PAYMENTS,
                      restarts=0 if killed is None else 1),
        log=LogState(Health.UP, "up", limit_events=1_000_000, bytes=32_920),
        worker=replace(worker, events=0, rows=0, word="idle" if goes_on is not None else "paused",
                       paused=goes_on is None),
        database=DatabaseState(Health.UP, "up", PAYMENTS + (ARTICLES if flushed else 0), 4_096,
                               288_432),
        hot=tuple(replace(hot, key=b"views:article:%d" % it) for it in range(1, 21)),
        events=tuple(events),
        marks=tuple(marks),
        audit=replace(scenes.HEALTHY.audit, checked=0),
        unaccounted=tuple(range(1, 21)) if lost else (),
        workload="story the-gap",
        rate=None,
        safeguards=Safeguards(log=logged),
    )  # fmt: skip
    if logged:
        return found
    return replace(found, log=replace(found.log, health=Health.DEGRADED, word="off"))


def keys_of(snapshot: Snapshot) -> tuple[KeyLine, ...]:
    """Return what each place of this stack holds of the keys that the story names."""
    views, empty = snapshot.hot[0], snapshot.redis.keys == 0
    lines = [
        KeyLine(key, views.cached, pending=views.pending, unlogged=views.unlogged, row=views.row,
                expected=b"%d" % TIMES)
        for key in (b"views:article:1", b"views:article:50")
    ]  # fmt: skip
    for number in (1, PAYMENTS):
        paid = b"paid %d" % number
        cached = None if empty else paid
        lines.append(KeyLine(b"payment:%d" % number, cached, row=paid, expected=paid))
    return tuple(lines)


def figures_of(snapshot: Snapshot) -> Mapping[str, float]:
    """Return the figures that the claims speak of."""
    books = snapshot.books
    lost = books.accepted - books.applied - books.pending - books.dead
    dirty = 0 if snapshot.safeguards.log else snapshot.reads.hits
    return {"lost": lost, "lost_fast": lost, "lost_critical": 0, "dirty_reads": dirty}


def decided(snapshot: Snapshot) -> tuple[ClaimResult, ...]:
    """Return the claims of the story as the figures of this stack decide them."""
    figures = figures_of(snapshot)
    return tuple(
        ClaimResult(
            claim.says,
            claim.that,
            bool(expressions.value(claim.that, figures)),
            ", ".join(
                f"{name} = {written(figures[name])}" for name in expressions.names(claim.that)
            ),
            filled(claim.shows, figures),
        )
        for claim in TOLD.claim
    )


def scene_of(told_story: Story, snapshot: Snapshot, step: int, **more: object) -> Scene:
    """Return the scene after this step of the story, over this stack."""
    (act,) = told_story.act
    said = [it.say for it in act.step[:step] if it.say]
    return Scene(
        story="the-gap",
        title=told_story.title,
        act=act.title,
        act_number=1,
        acts=1,
        step=step,
        steps=len(act.step),
        say=said[-1] if said else "",
        keys=keys_of(snapshot),
        **more,
    )


BEFORE = stack(logged=False)
LOST = stack(logged=False, killed=1.5)
ENDED = stack(logged=False, killed=14.0, goes_on=9.5)
KEPT = stack(logged=True, killed=14.0, goes_on=9.5)

STEP = scene_of(
    TOLD, LOST, 5, doing="inject redis.kill", came="Redis was killed (SIGKILL to pid 4711)"
)
END = scene_of(
    TOLD, ENDED, 8, doing="drain the log", came="everything is flushed", ended=True,
    claims=decided(ENDED),
)  # fmt: skip
FLIPPED = scene_of(
    FLIPPED_STORY, KEPT, 8, doing="drain the log", came="everything is flushed", ended=True,
    claims=decided(KEPT), flipped="log on",
    finding="with log on, nothing is lost: 3 of 4 claims no longer hold",
)  # fmt: skip
FAILED = replace(STEP, ended=True, failed="act gap, step 6: redis_up did not come true within 60 s")
STACKS = {"step": LOST, "end": ENDED, "flipped": KEPT, "failed": LOST}
"""The stack below each scene."""


class Fixed(RecordingControl):
    """A story that stands still."""

    def __init__(self, scene: Scene, snapshot: Snapshot) -> None:
        super().__init__()
        self._scene, self._snapshot = scene, snapshot

    def scene(self) -> Scene:
        return self._scene

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def inspect(self, key):
        raise AssertionError(key)

    def advance(self) -> None:
        raise AssertionError("it has not been asked for")

    back = advance

    def stop(self) -> None:
        """Nothing is being played."""

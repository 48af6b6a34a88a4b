"""Failpoints: the grammar of fail-rs, and that every point is reached."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import cachedesk
from cachedesk.core.commands import Inject, ResumeWorker, StepWorker
from cachedesk.core.errors import CacheError, ConfigError, Unavailable
from cachedesk.core.failpoints import POINTS, ComponentCrash, Failpoints
from cachedesk.core.settings import RedisSettings, Settings
from cachedesk.stack.stack import Stack

from .scenarios import PATIENT, running, wait_until_trusted
from .until import Task, until

OpenStack = Callable[..., Stack]

POINT = "worker.read.after"


def ends(points: Failpoints, times: int) -> list[str]:
    """Reach the point so many times and return how each ended."""
    seen = []
    for _ in range(times):
        try:
            points.reach(POINT)
        except Unavailable:
            seen.append("raise")
        except ComponentCrash:
            seen.append("crash")
        else:
            seen.append("-")
    return seen


@pytest.fixture
def points() -> Failpoints:
    return Failpoints()


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ("off", "- - - -"),
        ("raise(Unavailable)", "raise raise raise raise"),
        ("crash", "crash crash crash crash"),
        ("1*crash", "crash - - -"),
        ("2*off->crash", "- - crash crash"),
        ("1*raise(Unavailable)->2*off->1*crash", "raise - - crash"),
        ("1*crash -> off", "crash - - -"),
        ("100%crash", "crash crash crash crash"),
        ("0%crash", "- - - -"),
        ("0%crash->raise(Unavailable)", "raise raise raise raise"),
        ("0*crash->1*raise(Unavailable)", "raise - - -"),
        ("100%2*crash->off", "crash crash - -"),
        ("sleep(0)", "- - - -"),
    ],
)
def test_terms(points: Failpoints, terms: str, expected: str) -> None:
    points.arm(POINT, terms)
    assert ends(points, 4) == expected.split()


def test_a_percentage_is_a_chance_and_a_miss_passes_on_without_being_used_up(
    points: Failpoints,
) -> None:
    """fail-rs: ``20%3*print->panic`` prints in 20 % of cases, three times at most, else panics."""
    points.arm(POINT, "25%40*raise(Unavailable)->crash")
    seen = ends(points, 2_000)
    assert seen.count("raise") == 40
    assert seen.count("crash") == 1_960
    last = max(place for place, end in enumerate(seen) if end == "raise")
    assert 60 < last < 400


@pytest.mark.parametrize(
    ("terms", "wrong"),
    [
        ("", "cannot read ''"),
        ("explode", "cannot read 'explode'"),
        ("crash->", "cannot read ''"),
        ("x*crash", "cannot read"),
        ("%crash", "cannot read"),
        ("crash(", "cannot read"),
        ("raise", "no error ''"),
        ("raise(Nonsense)", "no error 'Nonsense'"),
        ("raise(annotations)", "no error"),
        ("sleep", "wants milliseconds"),
        ("sleep(x)", "wants milliseconds"),
        ("sleep(-1)", "wants milliseconds"),
    ],
)
def test_terms_that_cannot_be_read(points: Failpoints, terms: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(wrong)):
        points.arm(POINT, terms)
    assert POINT not in points.armed()


def test_a_misspelt_point_names_the_nearest(points: Failpoints) -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'worker\.read\.after'"):
        points.arm("worker.read.aftr", "crash")
    with pytest.raises(ConfigError, match="there is no failpoint 'zzz'"):
        points.arm("zzz", "crash")


@pytest.mark.parametrize(
    ("name", "error"), [("OSError", OSError), ("CacheError", CacheError), ("LogFull", Unavailable)]
)
def test_errors_that_can_be_raised(points: Failpoints, name: str, error: type[Exception]) -> None:
    points.arm(POINT, f"raise({name})")
    with pytest.raises(error, match=POINT):
        points.reach(POINT)


def test_a_crash_is_no_exception_that_a_component_may_catch() -> None:
    assert not issubclass(ComponentCrash, Exception)


def test_a_pause_lasts_until_the_point_is_disarmed(points: Failpoints) -> None:
    points.arm(POINT, "pause")
    before = points.hits().get(POINT, 0)
    tasks = [Task(points.reach, POINT) for _ in range(3)]
    until(lambda: points.hits()[POINT] == before + 3)
    points.disarm("worker.ack.after")
    assert all(task.is_alive() for task in tasks)
    points.disarm(POINT)
    for task in tasks:
        task.result()
    points.reach(POINT)


def test_sleep_takes_milliseconds(points: Failpoints) -> None:
    points.arm(POINT, "sleep(30)")
    began = time.monotonic()
    points.reach(POINT)
    assert time.monotonic() - began >= 0.03


def test_arming_again_replaces_and_disarming_all_ends_it(points: Failpoints) -> None:
    points.arm(POINT, "crash")
    points.arm(POINT, "1*raise(Unavailable)")
    assert ends(points, 2) == ["raise", "-"]
    points.arm("worker.ack.after", "crash")
    assert set(points.armed()) == {POINT, "worker.ack.after"}
    points.disarm()
    assert points.armed() == ()
    points.reach("worker.ack.after")


def test_an_unarmed_point_is_not_counted(points: Failpoints) -> None:
    before = dict(points.hits())
    points.reach(POINT)
    assert points.hits() == before


def test_a_list_of_points_is_read(points: Failpoints) -> None:
    points.arm_from(f" {POINT} = 1*crash -> off ; worker.ack.after=off;; ")
    assert set(points.armed()) == {POINT, "worker.ack.after"}
    assert ends(points, 2) == ["crash", "-"]
    points.arm_from("")
    with pytest.raises(ConfigError, match="write a failpoint as point=terms"):
        points.arm_from("worker.read.after")
    with pytest.raises(ConfigError, match="did you mean"):
        points.arm_from("worker.read.befor=crash")


def test_kill_is_sigkill_and_the_counts_survive_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from cachedesk.core.failpoints import Failpoints;"
        "f = Failpoints('log.append.before=2*off->kill'); f.count_in(Path(sys.argv[1]));"
        "[f.reach('log.append.before') for _ in range(9)]"
    )
    counts = tmp_path / "counts"
    ended = subprocess.run([sys.executable, "-c", script, str(counts)])
    assert ended.returncode == -signal.SIGKILL
    data = counts.read_bytes()
    numbers = dict(zip(POINTS, memoryview(data).cast("Q"), strict=True))
    assert {point: count for point, count in numbers.items() if count} == {"log.append.before": 3}


def test_a_fault_of_one_stack_never_strikes_another(open_stack: OpenStack, tmp_path: Path) -> None:
    ours, other = (open_stack(path=tmp_path / name) for name in ("ours", "other"))
    for stack in (other, ours):
        stack.worker.controls.pause()
        stack.layer.incr("views:1")
    ours.perform(Inject("worker.crash"))
    assert (ours.snapshot().armed, other.snapshot().armed) == (("worker.apply.mid_batch",), ())
    for stack in (other, ours):
        stack.perform(ResumeWorker())
        stack.layer.drain(60)
    assert ours.snapshot().worker.restarts == 1
    assert other.snapshot().worker.restarts == 0
    assert other.failpoints.hits() == {}


def test_what_is_armed_before_a_stack_opens_strikes_its_opening(tmp_path: Path) -> None:
    points = Failpoints("boot.index.mid=1*raise(OSError)->off")
    with running(tmp_path, PATIENT) as stack:
        stack.layer.incr("views:1")
    with pytest.raises(OSError, match=r"boot\.index\.mid"), running(tmp_path, failpoints=points):
        pass
    with running(tmp_path, failpoints=points) as stack:
        assert stack.layer.get("views:1") == b"1"


def test_a_stack_says_what_was_armed_before_it_opened(tmp_path: Path) -> None:
    points = Failpoints("worker.ack.after=off;log.append.before=off")
    with running(tmp_path / "armed", failpoints=points) as stack:
        said = [event.text for event in stack.snapshot().events]
        assert "failpoints are armed: worker.ack.after, log.append.before" in said
    with running(tmp_path / "not") as stack:
        assert not any("armed" in event.text for event in stack.snapshot().events)


def test_the_library_does_not_read_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", "log.append.before=kill;boot.serve.before=kill")
    with cachedesk.open(tmp_path) as cache:
        assert cache.incr("views:1") == 1


def test_every_name_in_the_code_is_in_the_list_and_the_other_way_round() -> None:
    folder = Path(next(iter(cachedesk.__path__)))
    reached = {
        name
        for path in folder.rglob("*.py")
        for name in re.findall(r"""\b_?reach\(["']([a-z._]+)["']\)""", path.read_text())
    }
    assert reached == set(POINTS)


def test_every_point_is_reached(tmp_path: Path, points: Failpoints) -> None:
    """Armed with a term that does nothing, each point is counted in two lives of a stack."""
    for point in POINTS:
        points.arm(point, "off")
    warm = Settings(redis=RedisSettings(restart="warm"))
    for life in (1, 2):
        with closing(Stack(tmp_path, warm, failpoints=points)) as stack:
            cache = stack.layer
            wait_until_trusted(stack)
            cache.write_many([("set", "order:1", b"x"), ("delete", "order:1"), ("incr", "views:1")])
            cache.set("session:1", b"x", ttl="1ms")
            cache.evict("*")
            cache.get("views:1")
            cache.drain(60)
            stack.perform(StepWorker())
            until(lambda life=life: points.hits().get("worker.trim.after", 0) >= life)
            until(lambda life=life: points.hits().get("worker.purge.after", 0) >= life)
            stack.worker.controls.pause()
            cache.incr("views:1")
    assert set(points.hits()) == set(POINTS)

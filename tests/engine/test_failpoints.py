"""Failpoints: the grammar of fail-rs, and that every point is reached."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

import cachedesk.engine
from cachedesk.engine import failpoints
from cachedesk.engine.commands import StepWorker
from cachedesk.engine.errors import CacheError, ConfigError, Unavailable
from cachedesk.engine.failpoints import POINTS, ComponentCrash, arm, arm_from, disarm, reach
from cachedesk.engine.settings import RedisSettings, Settings
from cachedesk.engine.stack import Stack

from .scenarios import running, wait_until_admitted
from .until import Task, until

POINT = "worker.read.after"


def ends(times: int) -> list[str]:
    """Reach the point so many times and return how each ended."""
    seen = []
    for _ in range(times):
        try:
            reach(POINT)
        except Unavailable:
            seen.append("raise")
        except ComponentCrash:
            seen.append("crash")
        else:
            seen.append("-")
    return seen


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
def test_terms(terms: str, expected: str) -> None:
    arm(POINT, terms)
    assert ends(4) == expected.split()


def test_a_percentage_is_a_chance_and_a_miss_passes_on_without_being_used_up() -> None:
    """fail-rs: ``20%3*print->panic`` prints in 20 % of cases, three times at most, else panics."""
    arm(POINT, "25%40*raise(Unavailable)->crash")
    seen = ends(2_000)
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
def test_terms_that_cannot_be_read(terms: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(wrong)):
        arm(POINT, terms)
    assert POINT not in failpoints.armed()


def test_a_misspelt_point_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'worker\.read\.after'"):
        arm("worker.read.aftr", "crash")
    with pytest.raises(ConfigError, match="there is no failpoint 'zzz'"):
        arm("zzz", "crash")


@pytest.mark.parametrize(
    ("name", "error"), [("OSError", OSError), ("CacheError", CacheError), ("LogFull", Unavailable)]
)
def test_errors_that_can_be_raised(name: str, error: type[Exception]) -> None:
    arm(POINT, f"raise({name})")
    with pytest.raises(error, match=POINT):
        reach(POINT)


def test_a_crash_is_no_exception_that_a_component_may_catch() -> None:
    assert not issubclass(ComponentCrash, Exception)


def test_a_pause_lasts_until_the_point_is_disarmed() -> None:
    arm(POINT, "pause")
    before = failpoints.hits().get(POINT, 0)
    tasks = [Task(reach, POINT) for _ in range(3)]
    until(lambda: failpoints.hits()[POINT] == before + 3)
    disarm("worker.ack.after")
    assert all(task.is_alive() for task in tasks)
    disarm(POINT)
    for task in tasks:
        task.result()
    reach(POINT)


def test_sleep_takes_milliseconds() -> None:
    arm(POINT, "sleep(30)")
    began = time.monotonic()
    reach(POINT)
    assert time.monotonic() - began >= 0.03


def test_arming_again_replaces_and_disarming_all_ends_it() -> None:
    arm(POINT, "crash")
    arm(POINT, "1*raise(Unavailable)")
    assert ends(2) == ["raise", "-"]
    arm("worker.ack.after", "crash")
    assert set(failpoints.armed()) == {POINT, "worker.ack.after"}
    disarm()
    assert failpoints.armed() == ()
    reach("worker.ack.after")


def test_an_unarmed_point_is_not_counted() -> None:
    before = dict(failpoints.hits())
    reach(POINT)
    assert failpoints.hits() == before


def test_a_list_of_points_is_read() -> None:
    arm_from(f" {POINT} = 1*crash -> off ; worker.ack.after=off;; ")
    assert set(failpoints.armed()) == {POINT, "worker.ack.after"}
    assert ends(2) == ["crash", "-"]
    arm_from("")
    with pytest.raises(ConfigError, match="write a failpoint as point=terms"):
        arm_from("worker.read.after")
    with pytest.raises(ConfigError, match="did you mean"):
        arm_from("worker.read.befor=crash")


def test_kill_is_sigkill_and_the_counts_survive_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from cachedesk.engine import failpoints as f;"
        "f.count_in(Path(sys.argv[1])); f.arm('log.append.before', '2*off->kill');"
        "[f.reach('log.append.before') for _ in range(9)]"
    )
    counts = tmp_path / "counts"
    ended = subprocess.run([sys.executable, "-c", script, str(counts)])
    assert ended.returncode == -signal.SIGKILL
    data = counts.read_bytes()
    numbers = dict(zip(POINTS, memoryview(data).cast("Q"), strict=True))
    assert {point: count for point, count in numbers.items() if count} == {"log.append.before": 3}


def test_the_environment_arms_a_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", "log.append.before=1*raise(Unavailable)")
    with running(tmp_path) as stack, pytest.raises(Unavailable, match="failpoint"):
        stack.layer.incr("views:1")


def test_every_name_in_the_code_is_in_the_list_and_the_other_way_round() -> None:
    folder = Path(next(iter(cachedesk.engine.__path__)))
    reached = {
        name
        for path in folder.glob("*.py")
        for name in re.findall(r"""\breach\(["']([a-z._]+)["']\)""", path.read_text())
    }
    assert reached == set(POINTS)


def test_every_point_is_reached(tmp_path: Path) -> None:
    """Armed with a term that does nothing, each point is counted in two lives of a stack."""
    before = dict(failpoints.hits())

    def again(point: str) -> bool:
        return failpoints.hits().get(point, 0) > before.get(point, 0)

    for point in POINTS:
        arm(point, "off")
    for _ in range(2):
        with closing(Stack(tmp_path, Settings(redis=RedisSettings(restart="warm")))) as stack:
            cache = stack.layer
            wait_until_admitted(stack)
            cache.write_many([("set", "order:1", b"x"), ("delete", "order:1"), ("incr", "views:1")])
            cache.evict("*")
            cache.get("views:1")
            cache.drain(60)
            stack.perform(StepWorker())
            until(lambda: again("worker.trim.after"))
            stack.worker.pause()
            cache.incr("views:1")
    assert {point for point in POINTS if not again(point)} == set()


def test_nothing_is_armed_in_a_fresh_process() -> None:
    script = (
        "from cachedesk.engine import failpoints as f; assert f.armed() == () == tuple(f.hits())"
    )
    environment = {name: value for name, value in os.environ.items() if "FAILPOINTS" not in name}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == 0

"""The bench's arithmetic and its rounds, without an engine: who takes turns, what is timed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cachedesk.lab.bench import rounds
from cachedesk.lab.bench.bench import Bench
from cachedesk.lab.bench.contest import LIMIT, OURS, Lap, Result, Rival, Row, Work, by_turns
from cachedesk.lab.bench.machine import in_a_line, machine, warning
from cachedesk.lab.bench.rounds import Effort, contest, steps
from cachedesk.lab.bench.table import NOTHING, as_json, cells, lines
from cachedesk.lab.publish.bench import bench_paper
from cachedesk.lab.publish.html import as_html
from cachedesk.lab.publish.origin import origin

WORK = Work("work", "a work", "what it needs", 0.9)
ROW = Row(
    WORK,
    (Result(OURS, (2.0, 4.0, 3.0)), Result(LIMIT, (3.0, 3.0, 2.4)), Result("peer", (30.0,))),
)
EFFORT = Effort(rounds=2, long_rounds=1, lap_seconds=1.0)
BENCH = Bench((ROW,), EFFORT, ("huey",))


def test_what_is_compared_are_medians() -> None:
    assert ROW.times(LIMIT) == pytest.approx(1.0)
    assert ROW.times("peer") == pytest.approx(10.0)
    assert ROW.spread(LIMIT) == pytest.approx((0.75, 1.5))
    assert ROW.times("nobody") is None
    assert Row(WORK, ROW.results[1:]).times(LIMIT) is None


@pytest.mark.parametrize(("ours", "reached"), [(1.0, True), (1.1173, True), (1.13, False)])
def test_an_aim_is_reached_as_it_is_shown(ours: float, reached: bool) -> None:
    row = Row(WORK, (Result(OURS, (ours,)), Result(LIMIT, (1.0,))))
    assert row.reached is reached


def test_an_aim_that_was_not_measured_is_not_missed() -> None:
    assert Row(WORK, (Result(OURS, (1.0,)),)).reached is None


def test_each_goes_first_now_and_then() -> None:
    assert [by_turns("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


class Clock:
    """Stands still but for what the rivals take."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Sprinter(Rival):
    """Takes so many seconds an operation, and writes down what it is asked for."""

    def __init__(
        self, name: str, clock: Clock, seconds: float, *, fixed: int | None = None, most: int = 9999
    ) -> None:
        self.name = name
        self.asked: list[tuple[str, int]] = []
        self._clock = clock
        self._seconds = seconds
        self._lap = Lap(self._run, self._prepare, self._settle, fixed, most)

    def laps(self) -> Mapping[str, Lap]:
        return {WORK.name: self._lap}

    def close(self) -> None:
        pass

    def _prepare(self, operations: int) -> None:
        self.asked.append(("prepare", operations))
        self._clock.now += 1_000

    def _run(self, operations: int) -> None:
        self.asked.append(("run", operations))
        self._clock.now += self._seconds * operations

    def _settle(self) -> None:
        self.asked.append(("settle", 0))
        self._clock.now += 1_000


class Absent(Rival):
    """Does nothing."""

    name = "absent"

    def laps(self) -> Mapping[str, Lap]:
        return {}

    def close(self) -> None:
        pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rounds.time, "perf_counter", clock.perf_counter)
    return clock


def test_a_lap_is_timed_and_what_is_around_it_is_not(clock: Clock) -> None:
    slow, fast = Sprinter(OURS, clock, 0.002), Sprinter(LIMIT, clock, 0.001)
    told: list[None] = []
    row = contest(WORK, [slow, fast, Absent()], EFFORT, lambda: told.append(None))
    assert [result.name for result in row.results] == [OURS, LIMIT]
    assert row.of(OURS).seconds == pytest.approx((0.002, 0.002))
    assert row.times(LIMIT) == pytest.approx(0.5)
    assert [what for what, _ in slow.asked[-3:]] == ["prepare", "run", "settle"]
    assert len(told) == 4 == steps(WORK, [slow.laps(), fast.laps(), {}], EFFORT)


def test_a_lap_takes_about_as_long_as_it_should(clock: Clock) -> None:
    rival = Sprinter(OURS, clock, 0.0005)
    contest(WORK, [rival], EFFORT, lambda: None)
    assert rival.asked[-2] == ("run", 2_000)


def test_a_lap_is_never_longer_than_it_can_be(clock: Clock) -> None:
    rival = Sprinter(OURS, clock, 1e-6, most=800)
    contest(WORK, [rival], EFFORT, lambda: None)
    assert max(count for _, count in rival.asked) == 800


def test_what_is_one_piece_is_done_whole_and_less_often(clock: Clock) -> None:
    rival = Sprinter(OURS, clock, 1.0, fixed=7)
    row = contest(WORK, [rival], EFFORT, lambda: None)
    assert rival.asked == [("prepare", 7), ("run", 7), ("settle", 0)]
    assert row.of(OURS).seconds == (1.0,)


def test_the_table_says_what_was_found_and_who_was_not_there() -> None:
    titles, (row,) = cells(BENCH.rows)
    assert titles[0] == "work"
    assert titles[-1] == "ours / peer"
    assert row == ("a work", "0", "1.00 ✓", "0.75 to 1.50", "≥ 0.90", "10.0")
    said = "\n".join(lines(BENCH))
    assert "Not installed, so not measured: huey (pip install 'cachedesk[bench]')." in said
    assert "Every aim was reached." in said


def test_a_missed_aim_is_said() -> None:
    missed = Row(WORK, (Result(OURS, (2.0,)), Result(LIMIT, (1.0,))))
    said = "\n".join(lines(Bench((missed,), EFFORT, ())))
    assert "0.50 ✗" in said
    assert "Aims missed: a work." in said
    assert "Not installed" not in said


def test_who_did_not_do_a_work_has_no_figure() -> None:
    other = Row(Work("other", "another", "nothing", 0.5), (Result(OURS, (1.0,)),))
    _, rows = cells([ROW, other])
    assert rows[1] == ("another", "1", NOTHING, NOTHING, "≥ 0.50", NOTHING)


def test_json_has_every_round() -> None:
    found = as_json(BENCH, {"cpus": "2"})
    (row,) = found["rows"]
    assert row["seconds"] == {OURS: [2.0, 4.0, 3.0], LIMIT: [3.0, 3.0, 2.4], "peer": [30.0]}
    assert (row["reached"], row["ours_over"]) == (True, {"peer": pytest.approx(10.0)})
    assert found["not_installed"] == ["huey"]


def test_the_machine_is_named() -> None:
    found = machine()
    assert "Python" in in_a_line(found)
    assert all(found.values())


def test_scratch_files_in_memory_are_warned_of() -> None:
    assert "TMPDIR" in warning({"files": "tmpfs"})
    assert warning({"files": "ext4"}) == ""


def test_the_report_has_the_table_and_the_machine() -> None:
    here = {**machine(), "processor": "an abacus"}
    page = as_html(bench_paper(BENCH, here, origin(["bench"], None)))
    assert "1 of 1 aims reached" in page
    assert "an abacus" in page
    assert "what it needs" in page

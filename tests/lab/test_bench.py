"""The bench without engines: order of turns, repetitions, timing, and the printed table."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from cachedesk.lab.bench import rounds
from cachedesk.lab.bench.bench import BARE, Bench
from cachedesk.lab.bench.bench_table import NOTHING, as_json, cells, lines, notes, others
from cachedesk.lab.bench.fixtures import CALLERS, MANY
from cachedesk.lab.bench.machine import in_a_line, machine, warning
from cachedesk.lab.bench.peers import MODULES, missing
from cachedesk.lab.bench.progress import silent
from cachedesk.lab.bench.rivals import LIMIT, OURS, BenchWorkload, Lap, Result, Row, by_turns
from cachedesk.lab.bench.rounds import FULL, QUICK, Effort, run_rounds, steps
from cachedesk.lab.bench.workloads import BENCH_WORKLOADS, MIXED
from cachedesk.reports.bench import bench_document
from cachedesk.reports.document import Origin, Table, Tone
from cachedesk.reports.file import as_json as paper_as_json
from cachedesk.reports.html import as_html
from cachedesk.reports.markdown import as_markdown

RACE = BenchWorkload("race", "a race", "as fast as it goes", 0.9, "step")
HEAVY = BenchWorkload("heavy", "a heavy one", "lifting it", 0.5)
EFFORT = Effort(rounds=4, long_rounds=2, lap_seconds=0.25)
HERE = {
    "processor": "Some CPU",
    "cpus": "2",
    "memory": "4 GiB",
    "files": "ext4",
    "system": "Linux 6.1",
    "python": "3.11.2",
}


class Clock:
    """A clock that advances only when a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What laps are timed with."""
    made = Clock()
    monkeypatch.setattr(rounds, "time", SimpleNamespace(perf_counter=made.perf_counter))
    return made


@dataclass
class Racer:
    """A rival that takes so many seconds for an operation, on a clock that is not a real one."""

    name: str
    clock: Clock
    cost: float = 8e-6
    fixed: int | None = None
    most: int = 1_000_000
    works: tuple[str, ...] = ("race",)
    ran: list[int] = field(default_factory=list)
    history: list[tuple[str, str, int]] = field(default_factory=list)

    def laps(self) -> Mapping[str, Lap]:
        lap = Lap(self.run, self.prepare, self.settle, self.fixed, self.most)
        return dict.fromkeys(self.works, lap)

    def prepare(self, operations: int) -> None:
        self.clock.now += 1_000
        self.history.append((self.name, "prepare", operations))

    def run(self, operations: int) -> None:
        self.clock.now += operations * self.cost
        self.ran.append(operations)
        self.history.append((self.name, "run", operations))

    def settle(self) -> None:
        self.clock.now += 1_000
        self.history.append((self.name, "settle", 0))

    def close(self) -> None:
        """Nothing is open."""


def nobody() -> None:
    """Do nothing."""


def row(work: BenchWorkload = RACE, **seconds: float | tuple[float, ...]) -> Row:
    """A row of these medians, or of these rounds, by rival."""
    return Row(
        work,
        tuple(
            Result(
                {"ours": OURS, "limit": LIMIT}.get(name, name.replace("_", " ")),
                took if isinstance(took, tuple) else (took,),
            )
            for name, took in seconds.items()
        ),
    )


def test_a_lap_takes_about_as_long_as_it_is_to_whatever_an_operation_costs(clock: Clock) -> None:
    fast, slow = Racer("fast", clock, 8e-6), Racer("slow", clock, 9e-5)
    found = run_rounds(RACE, [fast, slow], EFFORT, nobody)
    # It begins with a hundred, and doubles until a quarter of a lap is reached.
    assert fast.ran == [100, 200, 400, 800, 1600, 3200, 6400, 12800, *[31200] * 4]
    assert slow.ran == [100, 200, 400, 800, *[2800] * 4]
    for racer in (fast, slow):
        assert racer.ran[-1] * racer.cost == pytest.approx(EFFORT.lap_seconds, rel=0.1)
        assert racer.ran[-1] % MANY == racer.ran[-1] % CALLERS == 0
        result = found.of(racer.name)
        assert result is not None
        assert result.seconds == pytest.approx((racer.cost,) * 4)


def test_an_operation_that_takes_long_is_still_done_four_hundred_times(clock: Clock) -> None:
    slow = Racer("slow", clock, 1.0)
    run_rounds(RACE, [slow], EFFORT, nobody)
    assert slow.ran == [100, *[400] * 4]


def test_no_more_is_done_than_can_be(clock: Clock) -> None:
    small = Racer("small", clock, 1e-7, most=4_000)
    run_rounds(RACE, [small], EFFORT, nobody)
    assert small.ran == [100, 200, 400, 800, 1600, 3200, *[4000] * 4]


def test_what_is_fixed_is_done_as_it_is_and_for_everybody_less_often(clock: Clock) -> None:
    piece, free = Racer("piece", clock, 1e-3, fixed=7), Racer("free", clock)
    run_rounds(RACE, [piece, free], EFFORT, nobody)
    assert piece.ran == [7, 7]
    assert free.ran[-3:] == [12800, 31200, 31200]


def test_only_the_run_is_timed_between_preparing_and_settling(clock: Clock) -> None:
    racer = Racer("one", clock, 1e-3, fixed=500)
    found = run_rounds(RACE, [racer], EFFORT, nobody)
    once = [("one", "prepare", 500), ("one", "run", 500), ("one", "settle", 0)]
    assert racer.history == once * 2
    assert found.results == (Result("one", pytest.approx((1e-3, 1e-3))),)


def test_all_take_turns_and_each_goes_first_now_and_then(clock: Clock) -> None:
    together_they: list[tuple[str, str, int]] = []
    racers = [Racer(name, clock, history=together_they) for name in ("a", "b", "c")]
    run_rounds(RACE, racers, EFFORT, nobody)
    order = "".join(name for name, what, count in together_they if (what, count) == ("run", 31200))
    assert order == "abcbcacababc"


def test_by_turns_everybody_is_there_once_and_first_once() -> None:
    names = ["a", "b", "c", "d", "e"]
    turns = [by_turns(names, number) for number in range(5)]
    assert [turn[0] for turn in turns] == names
    assert all(sorted(turn) == names for turn in turns)
    assert by_turns(names, 5) == turns[0]
    assert by_turns([], 3) == []


def test_who_has_no_lap_for_a_work_is_passed_over(clock: Clock) -> None:
    racers = [Racer("a", clock), Racer("idle", clock, works=("other",)), Racer("b", clock)]
    found = run_rounds(RACE, racers, EFFORT, nobody)
    assert [result.name for result in found.results] == ["a", "b"]
    assert racers[1].history == []


@pytest.mark.parametrize("fixed", [None, 10])
def test_each_lap_that_counts_is_a_step_as_was_announced(clock: Clock, fixed: int | None) -> None:
    racers = [
        Racer("a", clock, fixed=fixed),
        Racer("b", clock),
        Racer("idle", clock, works=("other",)),
    ]
    told: list[None] = []
    run_rounds(RACE, racers, EFFORT, lambda: told.append(None))
    expected = 2 * (EFFORT.long_rounds if fixed else EFFORT.rounds)
    assert len(told) == steps(RACE, [racer.laps() for racer in racers], EFFORT) == expected


def test_the_quick_bench_is_the_same_with_less() -> None:
    assert 1 <= QUICK.long_rounds < FULL.long_rounds
    assert 3 <= QUICK.rounds < FULL.rounds
    assert QUICK.lap_seconds < FULL.lap_seconds
    assert QUICK.share < FULL.share == 1


def test_every_work_has_a_name_of_its_own_and_a_limit() -> None:
    works = (*BENCH_WORKLOADS, MIXED)
    assert len({work.name for work in works}) == len({work.title for work in works}) == len(works)
    assert all(work.limit and 0 < work.aim <= 1 for work in works)


def test_a_ratio_is_of_medians_and_the_spread_of_single_rounds() -> None:
    found = row(ours=(1.0, 2.0, 9.0), limit=(4.0, 2.0, 9.0))
    ours, limit = found.of(OURS), found.of(LIMIT)
    assert ours is not None
    assert limit is not None
    assert (ours.median, limit.median) == (2.0, 4.0)
    assert found.times(LIMIT) == 2.0
    assert found.spread(LIMIT) == (1.0, 4.0)
    assert found.times(OURS) == 1.0


def test_of_an_even_number_of_rounds_the_median_lies_between() -> None:
    assert row(ours=(4.0, 1.0, 3.0, 2.0)).results[0].median == 2.5 == statistics.median([2, 3])


def test_who_did_not_take_part_has_no_ratio() -> None:
    for found, name in ((row(ours=1.0), LIMIT), (row(limit=1.0), LIMIT), (row(), OURS)):
        assert found.times(name) is None
        assert found.spread(name) is None
        assert found.reached is None


@pytest.mark.parametrize(
    ("limit", "reached"),
    [(0.894, False), (0.896, True), (0.9, True), (0.904, True), (0.8949, False), (2.0, True)],
)
def test_an_aim_is_reached_when_the_figure_that_is_shown_reaches_it(
    limit: float, reached: bool
) -> None:
    found = row(ours=1.0, limit=limit)
    assert found.reached is reached
    cell = cells([found])[1][0][2]
    assert cell == f"{limit:.2f} {'✓' if reached else '✗'}"
    assert (float(cell.split()[0]) >= RACE.aim) is reached


def test_the_cells_hold_a_dash_for_who_did_not_take_part() -> None:
    found = [
        row(ours=(1e-5, 2e-5, 3e-5), limit=(2e-5,) * 3, bare_socket=1e-5, by_hand=2.5e-4),
        row(HEAVY, ours=1e-3, limit=2.5e-4, huey=0.3),
        row(BenchWorkload("alone", "alone", "none", 1.0), huey=1.0),
    ]
    assert others(found) == [BARE, "by hand", "huey"]
    titles, rows = cells(found)
    assert titles == (
        "work", "ours, per second", "ours / limit", "in one round", "aim",
        "ours / bare socket", "ours / by hand", "ours / huey",
    )  # fmt: skip
    assert rows == [
        ("a race", "50,000", "1.00 ✓", "0.67 to 2.00", "≥ 0.90", "0.50", "12.5", NOTHING),
        ("a heavy one", "1,000", "0.25 ✗", "0.25 to 0.25", "≥ 0.50", NOTHING, NOTHING, "300"),
        ("alone", *[NOTHING] * 3, "≥ 1.00", *[NOTHING] * 3),
    ]


@pytest.mark.parametrize(
    ("times", "shown"),
    [(0.004, "0.00"), (0.5, "0.50"), (9.94, "9.94"), (9.96, "10.0"), (99.4, "99.4"),
     (99.6, "100"), (1234.5, "1,234")],
)  # fmt: skip
def test_a_ratio_is_shown_with_three_figures_at_most(times: float, shown: str) -> None:
    assert cells([row(ours=1.0, peer=times)])[1][0][-1] == shown


def test_the_lines_are_a_table_and_then_what_it_means() -> None:
    found = Bench((row(ours=1e-5, limit=1e-5, by_hand=1e-4), row(HEAVY, ours=1.0)), FULL, ())
    said = list(lines(found))
    assert said[0].split("  ")[0] == "work"
    assert said[1].startswith("a race ")
    assert said[2].startswith("a heavy one ")
    assert said[3] == ""
    assert said[4:] == list(notes(found))
    # Figures are right-aligned: in each row the last column ends where its title does.
    assert said[1].endswith("10.0")
    assert len(said[0]) == len(said[1]) == len(said[2])
    assert not any(line != line.rstrip() for line in said)


def test_the_notes_say_how_often_who_was_absent_and_what_was_missed() -> None:
    good, bad = row(ours=1.0, limit=1.0), row(HEAVY, ours=1.0, limit=0.1)
    said = list(notes(Bench((good,), FULL, ())))
    assert f"medians of {FULL.rounds} rounds ({FULL.long_rounds} for long workloads)" in said[0]
    assert said[-1] == "Every aim was reached."
    assert not any("Not installed" in line for line in said)
    worse = BenchWorkload("worse", "a worse one", "none", 0.5)
    found = Bench((good, bad, row(worse, ours=1.0, limit=0.1)), QUICK, ("huey", "diskcache"))
    said = list(notes(found))
    assert said[-1] == "Aims missed: a heavy one; a worse one."
    assert any(line.startswith("Not installed, so not measured: huey and disk") for line in said)


def test_the_object_is_plain_json_and_holds_every_round() -> None:
    rows = (row(ours=(1.0, 2.0, 3.0), limit=(2.0, 2.0, 2.0), by_hand=4.0), row(HEAVY, huey=1.0))
    told = json.loads(json.dumps(as_json(Bench(rows, QUICK, ("diskcache",)), HERE)))
    assert told["machine"] == HERE
    assert (told["rounds"], told["long_rounds"]) == (QUICK.rounds, QUICK.long_rounds)
    assert told["not_installed"] == ["diskcache"]
    race, heavy = told["rows"]
    assert race == {
        "work": "race",
        "title": "a race",
        "unit": "step",
        "limit": "as fast as it goes",
        "aim": 0.9,
        "ours_over_limit": 1.0,
        "in_one_round": [2 / 3, 2.0],
        "reached": True,
        "ours_over": {"by hand": 2.0},
        "seconds": {"cachedesk": [1.0, 2.0, 3.0], "limit": [2.0, 2.0, 2.0], "by hand": [4.0]},
    }
    for name in ("ours_over_limit", "in_one_round", "reached"):
        assert heavy[name] is None
    assert heavy["ours_over"] == {"huey": None}


@pytest.mark.parametrize(
    ("limit", "tone", "word", "alarming"),
    [(1.0, Tone.KEPT, "2 of 2 aims reached", set()), (0.1, Tone.OPEN, "1 of 2 aims reached", {1})],
)
def test_the_paper_counts_the_aims_and_marks_what_was_missed(
    limit: float, tone: Tone, word: str, alarming: set[int]
) -> None:
    found = Bench((row(ours=1.0, limit=1.0), row(HEAVY, ours=1.0, limit=limit)), QUICK, ())
    document = bench_document(found, HERE, Origin(0.0, "cachedesk bench", {"cachedesk": "0"}))
    assert (document.finding.tone, document.finding.word) == (tone, word)
    table = document.sections[0].blocks[0]
    assert isinstance(table, Table)
    assert table.alarming == alarming
    for page in (as_html(document), as_markdown(document)):
        for text in (RACE.title, RACE.limit, HEAVY.title, HEAVY.limit, word, in_a_line(HERE)):
            assert text in page
    assert json.loads(paper_as_json(document))["bench"] == json.loads(
        json.dumps(as_json(found, HERE))
    )


@pytest.mark.parametrize("files", ["tmpfs", "ramfs"])
def test_files_in_memory_are_warned_of_in_words_and_in_the_paper(files: str) -> None:
    here = HERE | {"files": files}
    assert "set TMPDIR to a folder on a disk" in warning(here)
    assert warning(HERE) == ""
    origin = Origin(0.0, "cachedesk bench", {})
    found = Bench((row(ours=1.0, limit=1.0),), QUICK, ())
    assert warning(here) in as_markdown(bench_document(found, here, origin))
    assert warning(here) not in as_markdown(bench_document(found, HERE, origin))


def test_the_machine_is_one_sentence() -> None:
    assert in_a_line(HERE) == "Some CPU, 2 CPUs, 4 GiB, files on ext4, Linux 6.1, Python 3.11.2."
    assert ", 1 CPU, " in in_a_line(HERE | {"cpus": "1"})
    here = machine()
    assert here.keys() == HERE.keys()
    assert all(here.values())
    assert int(here["cpus"]) == os.cpu_count()


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="there is no file system in memory")
def test_a_scratch_folder_in_memory_is_known_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")
    assert machine()["files"] == "tmpfs"
    assert warning(machine())


def test_a_peer_that_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() == []
    monkeypatch.setitem(MODULES, "huey", "no_module_of_this_name")  # type: ignore[misc]
    assert missing() == ["huey"]


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with silent() as announce:
        announce(None)  # type: ignore[arg-type]
    assert capsys.readouterr() == ("", "")

"""What if: variants are read before anything runs, and runs differ in nothing else."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from cachedesk.core.errors import ConfigError
from cachedesk.core.settings import Settings
from cachedesk.lab.compare.comparing import Comparison, compare
from cachedesk.lab.compare.comparison_table import as_json, lines
from cachedesk.lab.compare.varying import variants
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.schedule import planned
from cachedesk.lab.run.watch import Watch, wait
from cachedesk.reports.comparison import comparison_document, hit_rate_chart
from cachedesk.reports.file import write_report
from cachedesk.reports.origin import origin

LOAD = Load(clients=2, ops=1500)


def quiet(title: str) -> Watch:
    return wait


def compared(*texts: str, rounds: int = 1, faults: tuple[str, ...] = ()) -> Comparison:
    made = variants(texts, Settings(), LOAD)
    plan = [planned(fault) for fault in faults]
    return compare(made, WorkloadTraffic("article", 3), plan, quiet, rounds=rounds)


def test_all_combinations_are_made_and_the_last_varies_fastest() -> None:
    made = variants(
        ["maxmemory=8mb,32MB", "policy=write-through,write-behind", "clients=1,8"],
        Settings(),
        LOAD,
    )
    assert [variant.title for variant in made][:3] == [
        "maxmemory=8mb, policy=write-through, clients=1",
        "maxmemory=8mb, policy=write-through, clients=8",
        "maxmemory=8mb, policy=write-behind, clients=1",
    ]
    assert len(made) == 8
    last = made[-1]
    assert last.settings.redis.maxmemory_bytes == 32 * 2**20
    assert last.settings.policies == {"*": "write-behind"}
    assert last.load.clients == 8
    assert last.amounts == (32 * 2**20, None, 8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("maxmemry=8mb", "did you mean 'maxmemory'"),
        ("worker.batch_event=1", "did you mean 'worker.batch_events'"),
        ("batch_events=1", "did you mean 'worker.batch_events'"),
        ("maxmemory=1mb", "redis.maxmemory_bytes: expected int >= 2097152"),
        ("maxmemory=8 apples", "is not a size"),
        ("eviction=allkeys-lruu", "no eviction policy 'allkeys-lruu'; there are allkeys-lru"),
        ("eviction=allkeys-lru,volatile", "no eviction policy 'volatile'; there are allkeys-lru"),
        ("policy=write-trough", "did you mean 'write-through'"),
        ("batch=ten", "worker.batch_events: expected int, not 'ten'"),
        ("clients=0", "not an integer from 1 to 256"),
        ("clients=x", "not an integer from 1 to 256"),
        ("rate=nan", "not a number of operations"),
        ("maxmemory", "write what varies as NAME=V1,V2"),
        ("maxmemory=8mb,", "write what varies as NAME=V1,V2"),
        ("maxmemory=8mb,8mb", "is listed twice"),
        ("policies=x", "there is no setting 'policies'"),
    ],
)
def test_what_cannot_be_varied_is_one_clear_error(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        variants([text], Settings(), LOAD)


def test_too_little_too_much_and_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to vary"):
        variants([], Settings(), LOAD)
    with pytest.raises(ConfigError, match="varied twice"):
        variants(["maxmemory=8mb", "redis.maxmemory_bytes=9mb"], Settings(), LOAD)
    many = ",".join(map(str, range(1, 201)))
    with pytest.raises(ConfigError, match="makes 400 runs"):
        variants([f"batch={many}", "clients=1,2"], Settings(), LOAD)


def test_runs_differ_in_what_was_varied_and_leave_nothing(tmp_path: Path) -> None:
    found = compared("policy=write-through,write-behind", faults=("redis.kill@700ops",))
    assert found.exit_code == 0
    through, behind = found.compared
    assert through.figures.accepted == behind.figures.accepted
    assert through.figures.latencies.write_behind.count == 0
    assert through.figures.rows == through.figures.accepted
    assert behind.figures.latencies.write_through.count == 0
    assert behind.figures.rows < behind.figures.accepted
    for run in found.runs:
        assert [fault.injected for fault in run.report.faults] == [True]
        assert run.report.evidence is not None
        assert run.report.evidence.was_new
    assert not list(Path(tempfile.gettempdir()).glob("cachedesk-compare-*"))

    table = list(lines(found))
    assert table[0] == "workload article, seed 3, with redis.kill@700ops"
    assert table[1].split()[:2] == ["policy", "hit"]
    assert table[2].startswith("write-through")
    assert table[-1].startswith("Sound: in 2 runs every one of the ")
    told = json.loads(json.dumps(as_json(found)))
    assert [run["settings"] for run in told["runs"]] == [
        {"policy": "write-through"},
        {"policy": "write-behind"},
    ]
    assert told["runs"][1]["coalesced"]["rows"] == behind.figures.rows

    for ending in ("html", "md", "json"):
        write_report(tmp_path / f"r.{ending}", comparison_document(found, origin(["compare"], 3)))
    assert "write-behind" in (tmp_path / "r.html").read_text()


def test_rounds_are_interleaved_and_give_medians() -> None:
    found = compared("batch=10,1000", rounds=3)
    assert [run.variant.chosen[0][1] for run in found.runs] == ["10", "1000"] * 3
    assert [run.round for run in found.runs] == [1, 1, 2, 2, 3, 3]
    assert [one.figures.runs for one in found.compared] == [3, 3]
    speeds = sorted(round(run.report.tally.done / run.report.seconds) for run in found.runs[::2])
    assert round(found.compared[0].figures.ops_per_second) == speeds[1]


def test_one_number_varied_is_drawn_and_two_are_not() -> None:
    one = compared("maxmemory=2mb,64mb", "policy=write-through,write-behind").compared
    chart = hit_rate_chart(one)
    assert chart is not None
    assert [line.name for line in chart.series] == ["policy=write-through", "policy=write-behind"]
    assert [text for _, text in chart.x_ticks] == ["2mb", "64mb"]
    assert hit_rate_chart(compared("batch=10,20", "clients=1,2").compared) is None


def test_a_fault_that_would_kill_the_comparison_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"process\.kill would end the comparison"):
        compared("clients=1,2", faults=("process.kill@1s",))

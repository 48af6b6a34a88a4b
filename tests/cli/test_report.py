"""``--report``: refused before anything runs, written after the verdict."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .conftest import Command


def test_a_run_writes_its_report(cachedesk: Command, tmp_path: Path) -> None:
    for ending in ("html", "md", "json"):
        report = tmp_path / f"r.{ending}"
        done = cachedesk(
            "run", "--ops", 3000, "--fault", "redis.kill@500ops", "--report", report,
            "--data", tmp_path / ending,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        assert report.stat().st_size > 1000
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["verdict"]["word"] == "Sound"
    assert found["run"]["ledger"]["lost"] == 0
    assert found["run"]["latency_seconds"]["hit"]["count"] > 0
    assert found["seed"] == 1
    assert found["command"] == (
        f"cachedesk run --ops 3000 --fault redis.kill@500ops --data {tmp_path}/json --seed 1"
    )
    assert [fault["name"] for fault in found["timeline"]["faults"]] == ["redis.kill"]
    page = (tmp_path / "r.html").read_text().removeprefix("<!DOCTYPE html>\n")
    ElementTree.fromstring(page)


def test_json_stays_one_object_on_standard_output(cachedesk: Command, tmp_path: Path) -> None:
    done = cachedesk(
        "run", "--ops", 500, "--json", "--report", tmp_path / "r.md", "--data", tmp_path / "d"
    )
    assert json.loads(done.stdout)["sound"] is True
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize("command", [("run",), ("torture", "--cycles", "1"), ("compare",)])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/r.html", "does not exist"),
        ("r.pdf", "ends in .html, .md, .json"),
        ("there.md", "already exists"),
        ("", "must not be empty"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_anything_runs(
    cachedesk: Command, tmp_path: Path, command: tuple[str, ...], name: str, said: str
) -> None:
    (tmp_path / "there.md").write_text("mine")
    before = sorted(tmp_path.iterdir())
    done = cachedesk(
        "--data", tmp_path / "data", *command, "--report", tmp_path / name if name else ""
    )
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.md").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_refused(cachedesk: Command, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir(mode=0o500)
    done = cachedesk("run", "--report", folder / "r.md", "--data", tmp_path / "d")
    assert done.returncode == 2
    assert "is not writable" in done.stderr.decode()
    assert not (tmp_path / "d").exists()


def test_a_report_in_the_data_directory_is_refused(cachedesk: Command, tmp_path: Path) -> None:
    data = tmp_path / "d"
    assert cachedesk("run", "--ops", 1, "--data", data).returncode == 0
    done = cachedesk("run", "--ops", 1, "--data", data, "--report", data / "r.html")
    assert done.returncode == 2
    assert "is inside the data directory" in done.stderr.decode()


def test_a_torture_writes_its_report(cachedesk: Command, tmp_path: Path) -> None:
    report = tmp_path / "t.json"
    done = cachedesk("torture", "--cycles", 1, "--seed", 5, "--report", report)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    assert found["report"] == "torture"
    assert found["torture"]["kills"] >= 1
    assert found["command"] == "cachedesk torture --cycles 1 --seed 5"


def test_a_key_that_is_not_text_harms_no_report(cachedesk: Command, tmp_path: Path) -> None:
    trace = tmp_path / "<script>.jsonl"
    trace.write_text('["set",{"base64":"//4="},"<script>"]\n["incr",{"base64":"//4="},1]\n')
    report = tmp_path / "r.html"
    done = cachedesk("run", "--trace", trace, "--report", report, "--data", tmp_path / "d")
    assert done.returncode == 0, done.stderr
    page = report.read_text()
    assert "<script" not in page
    assert "trace &lt;script&gt;.jsonl" in page

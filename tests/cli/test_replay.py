"""``cachedesk run --record`` and ``cachedesk replay``, as processes."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from cachedesk.recording.frames import RecordingError
from cachedesk.recording.recording_file import RecordingFile
from tests.engine.until import until
from tests.lab.recorded import history, record

from .conftest import Command, Start
from .test_desk import Terminal

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", [["--json"], ["--stat"], []], ids=str)
def test_a_run_is_recorded_and_told_again(
    cachedesk: Command, tmp_path: Path, how: list[str]
) -> None:
    path = tmp_path / "run.rec"
    done = cachedesk(
        "run", "--ops", 800, "--rate", 1000, "--fault", "redis.kill@100ops", "--record", path,
        *how, "--data", tmp_path / "data",
    )  # fmt: skip
    assert done.returncode == 0
    if how == ["--json"]:
        told = json.loads(done.stdout)["recording"]
        assert told["file"] == str(path)
        assert told["bytes"] == path.stat().st_size
    else:
        said = done.stdout.decode().splitlines()
        assert said[-2].startswith(f"  record  {path}: ")
        assert said[-1].startswith("Sound")
    replayed = cachedesk("replay", path, "--json")
    assert (replayed.returncode, replayed.stderr) == (0, b"")
    assert replayed.stdout.count(b"\n") == 1
    found = json.loads(replayed.stdout)
    assert found["workload"] == "workload article, seed 1"
    assert found["books"]["accepted"] == found["books"]["applied"] > 0
    assert found["records"] >= 2
    assert [fault["name"] for fault in found["faults"]] == ["redis.kill"]
    assert any(event["kind"] == "fault" for event in found["events"])


def test_a_run_that_is_killed_leaves_a_readable_recording(
    cachedesk: Command, started: Start, tmp_path: Path
) -> None:
    path, data = tmp_path / "run.rec", tmp_path / "data"
    running = started("run", "--seconds", 60, "--rate", 500, "--record", path, "--data", data)

    def records() -> int:
        try:
            with RecordingFile(path) as tape:
                return len(tape)
        except RecordingError:
            return 0

    until(lambda: records() >= 4)
    killed_at = time.time()
    running.send_signal(signal.SIGKILL)
    assert running.wait(60) == -signal.SIGKILL
    with RecordingFile(path) as tape:
        last = tape.at(len(tape) - 1)
    assert killed_at - 1.5 < last.at <= time.time()
    assert last.recording == str(path)
    assert last.books.accepted > 0
    # The next process that opens the data removes what the killed one left behind.
    assert cachedesk("drain", "--data", data).returncode == 0


def test_what_cannot_be_recorded_to_is_said_before_anything_is_opened(
    cachedesk: Command, tmp_path: Path
) -> None:
    taken, data = tmp_path / "taken", tmp_path / "data"
    taken.write_text("precious")
    for path, says in (
        (taken, "already exists"),
        (tmp_path, "is not a regular file"),
        (tmp_path / "no" / "r", "does not exist"),
        (data / "r", "is inside the data directory"),
        ("", "must not be empty"),
    ):
        done = cachedesk("run", "--ops", 10, "--record", path, "--data", data)
        assert done.returncode == 2
        assert done.stdout == b""
        assert done.stderr.count(b"\n") == 1
        assert says in done.stderr.decode()
        assert not data.exists()
    assert taken.read_text() == "precious"


def test_a_replay_without_a_terminal_or_a_recording_is_bad_usage(
    cachedesk: Command, tmp_path: Path
) -> None:
    path = record(tmp_path / "r", history(3))
    broken = tmp_path / "broken"
    broken.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:])
    for arguments, says in (
        ((path,), "needs a terminal"),
        ((path, "--speed", "17", "--json"), "0.25 to 16"),
        ((path, "--speed", "nan", "--json"), "not a finite number"),
        ((tmp_path / "absent", "--json"), "cannot be opened: No such file"),
        ((Path(__file__), "--json"), "is not a recording"),
        ((broken, "--json"), "is damaged at byte"),
    ):
        done = cachedesk("replay", *arguments)
        assert done.returncode == 2
        assert done.stdout == b""
        assert done.stderr.count(b"\n") == 1
        assert says in done.stderr.decode()


def test_a_film_is_one_new_file(cachedesk: Command, tmp_path: Path) -> None:
    path, film = record(tmp_path / "r", history(30)), tmp_path / "film.html"
    done = cachedesk("replay", path, "--html", film)
    assert (done.returncode, done.stderr) == (0, b"")
    told = f"{film}: 14.5 s in 30 frames, {film.stat().st_size:,} bytes\n"
    assert done.stdout.decode() == told
    kept = film.read_bytes()
    assert kept.startswith(b"<!DOCTYPE html>")
    broken = tmp_path / "broken"
    broken.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:])
    for arguments, says in (
        ((path, "--html", film), "already exists; write the film to a new file"),
        ((path, "--html", tmp_path), "is not a regular file"),
        ((path, "--html", tmp_path / "no" / "f.html"), "does not exist"),
        ((path, "--html", ""), "must not be empty"),
        ((path, "--html", tmp_path / "new", "--json"), "exclude each other"),
        ((broken, "--html", tmp_path / "new"), "is damaged at byte"),
        ((tmp_path / "absent", "--html", tmp_path / "new"), "No such file"),
        ((film, "--html", tmp_path / "new"), "is not a recording"),
    ):
        done = cachedesk("replay", *arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.count(b"\n") == 1
        assert says in done.stderr.decode()
    assert {each.name for each in tmp_path.iterdir()} == {"r", "broken", "film.html"}
    assert film.read_bytes() == kept


def test_a_cast_is_what_asciinema_plays(
    cachedesk: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cast = record(tmp_path / "r", history(12)), tmp_path / "desk.cast"
    # It is the same without colours, and on no terminal at all.
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "20")
    done = cachedesk("replay", path, "--cast", cast, "--size", "60x20", "--speed", 2)
    assert (done.returncode, done.stderr) == (0, b"")
    told = f"{cast}: 2.8 s in 12 pictures of 60x20, {cast.stat().st_size:,} bytes\n"
    assert done.stdout.decode() == told
    header, *events = map(json.loads, cast.read_text().splitlines())
    assert (header["version"], header["width"], header["height"]) == (2, 60, 20)
    assert [at for at, _, _ in events] == sorted(at for at, _, _ in events)
    assert [data for _, kind, data in events if kind == "m"] == ["redis.down"]
    assert "48;2;" in events[0][2]
    kept = cast.read_bytes()
    for arguments, says in (
        (("--cast", cast), "already exists; write the cast to a new file"),
        (("--cast", tmp_path / "no" / "c"), "does not exist"),
        (("--cast", tmp_path / "c", "--html", tmp_path / "h"), "exclude each other"),
        (("--cast", tmp_path / "c", "--size", "120"), "is not a size; write columns x rows"),
        (("--cast", tmp_path / "c", "--size", "20x5"), "is not 40x10 to 400x200"),
        (("--cast", tmp_path / "c", "--idle-limit", "0"), "not a finite number above 0"),
        (("--cast", tmp_path / "c", "--speed", "32"), "0.25 to 16"),
        (("--size", "120x40", "--json"), "need --cast"),
        (("--html", tmp_path / "h", "--speed", "2"), "a film has keys for it"),
    ):
        done = cachedesk("replay", path, *arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.count(b"\n") == 1
        assert says in done.stderr.decode()
    assert {each.name for each in tmp_path.iterdir()} == {"r", "desk.cast"}
    assert cast.read_bytes() == kept


def test_a_replay_opens_the_desk_and_leaves_nothing_behind(tmp_path: Path) -> None:
    desk = Terminal("replay", str(record(tmp_path / "r", history(200))), "--speed", "4")
    desk.wait_for(b"REPLAY")
    desk.wait_for(b"accepted")
    desk.type(b"q")
    assert desk.end() == 0
    assert b"\x1b[?1049l" in desk.shown
    assert [path.name for path in tmp_path.iterdir()] == ["r"]

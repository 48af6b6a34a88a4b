"""``cachedesk --versus`` on a real terminal, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from .terminal import Terminal


def refusal(*line: str, tmp_path: Path) -> str:
    """Return what the command says, which must be one line and exit status 2."""
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    terminal = Terminal(*line, environment=home, size=(200, 30))
    assert terminal.end() == 2
    text = terminal.shown.decode(errors="replace").strip()
    assert text.count("\n") == 0, text
    assert "Traceback" not in text
    assert list(tmp_path.iterdir()) == []
    return text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("--versus", "lgo=off"), "did you mean 'log'?"),
        (("--versus", "log"), "write --versus as NAME=VALUE, like log=off"),
        (("--versus", "log=on"), "both sides would be the same"),
        (("--versus", "maxmemory=1kb"), "maxmemory_bytes"),
        (("--versus", "log=off", "--data", "x"), "--versus excludes --data"),
        (("--versus", "log=off", "--workload", "artcle"), "did you mean 'article'?"),
        (("--trace", "ops.csv"), '--trace needs --versus, or "cachedesk run --trace"'),
        (("--versus", "log=off", "--trace", "-"), "so it must be a file"),
        (("--versus", "log=off", "--trace", "no.csv"), "no.csv"),
        (
            ("--versus", "log=off", "--trace", "x", "--workload", "article"),
            "--trace excludes --workload",
        ),
        (("--versus", "log=off", "get", "key"), '--versus is not an option of "cachedesk get"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_gets_one_line(line, message, tmp_path: Path):
    assert message in refusal(*line, tmp_path=tmp_path)


@pytest.mark.slow
def test_it_breaks_both_records_both_and_plays_both(tmp_path: Path):
    (tmp_path / "tmp").mkdir()
    environment = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    desk = Terminal("--versus", "log=off", "--rate", "300", environment=environment, size=(120, 40))
    desk.wait_for(b"after the same operations")
    processes = psutil.Process(desk.pid).children(recursive=True)
    assert len(processes) >= 5, "a desk, two sides, and a Redis for each"
    desk.type(b"R")
    desk.wait_for("● recording".encode())
    at = desk.wait_for(b"in Redis only")
    desk.type(b"k")
    desk.wait_for(b"right lost none", at)
    desk.type(b"q")
    assert desk.end() == 0
    text = desk.shown[desk.shown.rindex(b"\x1b[?1049l") :].decode()
    assert "left (log=off): " in text
    assert " LOST: #" in text
    assert "none lost" in text
    assert not any(process.is_running() for process in processes)
    assert list((tmp_path / "tmp").iterdir()) == []
    folder = tmp_path / "data" / "cachedesk" / "recordings"
    tapes = [str(folder / f"versus-001.{name}.rec") for name in ("left", "right")]
    again = Terminal(
        "replay", tapes[0], "--versus", tapes[1], environment=environment, size=(120, 40)
    )
    again.wait_for(b"REPLAY")
    again.type(b"\x1b[F")
    again.wait_for(b"right lost none")
    again.type(b"q")
    assert again.end() == 0


@pytest.mark.slow
def test_both_sides_get_a_trace(tmp_path: Path) -> None:
    trace = tmp_path / "sampled.txt"
    trace.write_text(
        "op,key,value\n" + "".join(f"set,traced:{it % 7},value {it}\n" for it in range(100))
    )
    line = ("--versus", "maxmemory=8mb", "--trace", str(trace), "--rate", "200")
    desk = Terminal(*line, environment={"HOME": str(tmp_path)}, size=(160, 40))
    desk.wait_for(b"traced:")
    desk.type(b"q")
    assert desk.end() == 0
    text = desk.shown[desk.shown.rindex(b"\x1b[?1049l") :].decode()
    assert text.count("none lost") == 2


def test_a_pair_is_for_a_screen(tmp_path: Path):
    file = tmp_path / "x.rec"
    file.touch()
    for option in ("--json", "--html=x.html", "--cast=x.cast"):
        terminal = Terminal("replay", str(file), "--versus", str(file), option, size=(200, 30))
        assert terminal.end() == 2
        assert b"--versus excludes --json, --html and --cast" in terminal.shown


@pytest.mark.slow
def test_two_stacks_are_opened_from_a_running_desk_and_left_for_it(tmp_path: Path) -> None:
    desk = Terminal("--data", str(tmp_path / "data"), "--rate", "300", size=(120, 40))
    desk.wait_for(b"balanced")
    # Not before the stack is up: the desk says then that it is still starting.
    shown = desk.wait_for(b"\xe2\x97\x8f all well")
    desk.type(b"v")
    shown = desk.wait_for(b"Two stacks side by side", after=shown)
    desk.type(b"\r")
    shown = desk.wait_for(b"after the same operations", after=shown)
    desk.type(b"k")
    shown = desk.wait_for(b"right lost", after=shown)
    desk.type(b"q")
    shown = desk.wait_for(b"LOST: #", after=shown)
    desk.wait_for(b"left (log=on)", after=0)
    desk.type(b"q")
    # The stack of the desk itself has lost nothing.
    assert desk.end() == 0

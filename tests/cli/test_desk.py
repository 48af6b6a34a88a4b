"""``cachedesk`` without a command, on a real terminal (a pty): how it ends, and comes back."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine.until import until

from .terminal import Terminal

pytestmark = pytest.mark.slow

FAULTS_LAST = b"\x1b[F"  # End: process.kill is the last of the list
ALTERNATE, PRIMARY = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Terminal]:
    """Start a desk, or another command, in a terminal."""

    def start_one(*line: str, **more: Any) -> Terminal:
        line = line or ("--data", str(tmp_path), "--rate", "100")
        return Terminal(*line, **more, size=(120, 40))

    return start_one


def shown_by(terminal: Terminal) -> int:
    """Return the pid of the process that draws: the child of the small parent."""
    return psutil.Process(terminal.pid).children()[0].pid


@pytest.mark.parametrize(
    ("leave", "status"),
    [
        (lambda desk: desk.type(b"q"), 0),
        (lambda desk: os.kill(desk.pid, signal.SIGTERM), 143),
        (lambda desk: os.kill(shown_by(desk), signal.SIGHUP), 129),
    ],
    ids=["q", "SIGTERM", "SIGHUP"],
)
def test_the_desk_opens_and_leaves_nothing_behind(
    tmp_path: Path,
    start: Callable[..., Terminal],
    leave: Callable[[Terminal], None],
    status: int,
) -> None:
    desk = start()
    desk.wait_for(b"balanced")
    leave(desk)
    assert desk.end() == status
    assert not (tmp_path / "redis.state").exists()
    # The terminal is given back: Textual leaves the alternate screen.
    assert PRIMARY in desk.shown


def test_the_exit_status_says_that_a_write_was_lost(
    tmp_path: Path, start: Callable[..., Terminal]
) -> None:
    desk = start("--data", str(tmp_path), "--without", "log")
    desk.wait_for(b"balanced")
    desk.type(b"p")
    # Those that only Redis holds die with it.
    desk.wait_for(b"in Redis only", after=desk.wait_for(b"paused"))
    desk.type(b"k")
    desk.wait_for(b"DO NOT BALANCE")
    desk.type(b"q")
    assert desk.end() == 1
    assert b" LOST. " in desk.shown


def test_the_desk_ends_with_its_terminal(tmp_path: Path, start: Callable[..., Terminal]) -> None:
    desk = start()
    desk.wait_for(b"balanced")
    family = psutil.Process(desk.pid).children(recursive=True)
    assert any("redis-server" in process.name() for process in family)
    desk.hang_up()
    desk.end()
    until(lambda: not any(process.is_running() for process in family))
    assert not (tmp_path / "redis.state").exists()


def test_a_writer_that_waits_for_a_dead_terminal_does_not_keep_the_desk(
    tmp_path: Path, start: Callable[..., Terminal]
) -> None:
    stuck = (
        "import sys, threading\n"
        "from cachedesk.desk.terminal import leaving\n"
        "from textual.drivers._writer_thread import WriterThread\n"
        "leaving.GRACE_SECONDS = 1.0\n"
        "WriterThread.stop = lambda self: threading.Event().wait()\n"
        "from cachedesk.cli.main import main\n"
        "main()\n"
    )
    desk = start(sys.executable, "-c", stuck, "--data", str(tmp_path), command=True)
    desk.wait_for(b"balanced")
    family = psutil.Process(desk.pid).children(recursive=True)
    os.kill(desk.pid, signal.SIGTERM)
    assert desk.end() == 143
    until(lambda: not any(process.is_running() for process in family))
    assert not (tmp_path / "redis.state").exists(), "the stack was closed"


def test_a_killed_desk_gives_the_terminal_back_and_opens_on_the_recovery(
    start: Callable[..., Terminal],
) -> None:
    desk = start()
    desk.wait_for(b"balanced")
    first = shown_by(desk)
    # A desk that is killed sooner than that is not opened again.
    until(lambda: psutil.time.time() - psutil.Process(first).create_time() > 4)  # type: ignore[attr-defined]
    begin = len(desk.shown)
    desk.type(b"f" + FAULTS_LAST + b"\r")
    desk.wait_for(b"Restarting it", begin)
    said = desk.shown[begin:]
    mouse_off = said.rindex(b"\x1b[?1003l")
    assert said.rindex(PRIMARY) < said.rindex(b"ended by SIGKILL at")
    assert mouse_off < said.rindex(b"ended by SIGKILL at")
    desk.wait_for(b"Recovered", begin)
    desk.wait_for(b"balanced", begin)
    assert shown_by(desk) != first
    desk.type(b"q")
    assert desk.end() == 0


def test_a_shell_stops_and_continues_the_desk(
    tmp_path: Path, start: Callable[..., Terminal]
) -> None:
    shell = start("sh", "-i", command=True)
    shell.wait_for(b"$ " if os.getuid() else b"# ")
    shell.type(f"{sys.executable} -m cachedesk --data {tmp_path}\n".encode())
    at = shell.wait_for(b"balanced")
    shell.type(b"\x1a")
    shell.wait_for(PRIMARY, at)
    at = shell.wait_for(b"Stopped", at)
    shell.type(b"fg; echo ended $?\n")
    shell.wait_for(ALTERNATE, at)
    at = shell.wait_for(b"balanced", at)
    shell.type(b"q")
    shell.wait_for(b"ended 0", at)
    shell.type(b"exit\n")
    shell.end()


def test_a_defect_ends_in_a_sentence_and_a_file(
    tmp_path: Path, start: Callable[..., Terminal]
) -> None:
    broken = (
        "from cachedesk.desk.app import DeskApp\n"
        "def fail(self): raise ValueError('the \\x1b[31mdefect')\n"
        "DeskApp.action_sort = fail\n"
        "from cachedesk.cli.main import main\n"
        "main()\n"
    )
    desk = start(sys.executable, "-c", broken, "--data", str(tmp_path), command=True)
    desk.wait_for(b"balanced")
    desk.type(b"o")
    assert desk.end() == 70
    words = desk.shown[desk.shown.rindex(PRIMARY) :]
    (file,) = tmp_path.glob("crash-*.txt")
    assert str(file).encode() in words
    assert b"Traceback" not in desk.shown
    assert b"\x1b[31m" not in words
    assert "in fail" in file.read_text()


def test_a_story_that_cannot_be_opened_leads_back_to_the_desk(
    tmp_path: Path, start: Callable[..., Terminal]
) -> None:
    # The folder of a story is a temporary one; a path of this length is too long for SQLite.
    temporary = tmp_path / ("x" * 200) / ("x" * 220)
    temporary.mkdir(parents=True)
    desk = start(
        "--data", str(tmp_path / "d"), "--rate", "100", environment={"TMPDIR": str(temporary)}
    )
    shown = desk.wait_for("● all well".encode())
    desk.type(b"t")
    shown = desk.wait_for(b"Tours and stories", after=shown)
    desk.type(b"\x1b[F\r")
    shown = desk.wait_for(b"could not be opened", after=shown)
    desk.wait_for(b"balanced", after=shown)
    desk.type(b"q")
    assert desk.end() == 0

"""The desk, a story, a replay and the browser's desk start in a real terminal, on every Python
there is and in every environment that a user may have."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .pythons import ROOT, pythons
from .terminal import Terminal

pytestmark = pytest.mark.slow

BARE = {
    "NO_COLOR": "1",
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "HOME": None,
    "XDG_DATA_HOME": None,
    "XDG_STATE_HOME": None,
}
POOR = {"NO_COLOR": "", "TERM": "dumb", "PYTHONIOENCODING": "latin-1"}
NO_TERM = {"TERM": None}
FRAME = "╭".encode()

# A user without an entry in passwd and without HOME, as containers have them.
NO_PASSWD = """
import os, pwd, sys
def no_entry(*_): raise KeyError("no such user")
pwd.getpwuid = pwd.getpwnam = no_entry
del os.environ["HOME"]
from cachedesk.cli.main import main
sys.argv = ["cachedesk", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    line = [sys.executable, "-m", "cachedesk", "run", "--ops", "300", "--data", str(folder / "d")]
    subprocess.run([*line, "--record", str(folder / "run.rec")], check=True, capture_output=True)
    return folder / "run.rec"


def see_it_balance(terminal: Terminal) -> None:
    terminal.wait_for(b"balanced")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.end() == 128 + signal.SIGTERM
    # The terminal is given back: Textual leaves the alternate screen.
    assert b"\x1b[?1049l" in terminal.shown
    assert b"Traceback" not in terminal.shown


@pytest.mark.parametrize("python", pythons())
@pytest.mark.parametrize("environment", [BARE, POOR], ids=["bare", "poor"])
def test_the_desk(tmp_path: Path, python: str, environment: dict[str, str | None]) -> None:
    desk = Terminal("--data", str(tmp_path), python=python, environment=environment)
    see_it_balance(desk)
    assert "✓ balanced".encode() in desk.shown


@pytest.mark.parametrize("python", pythons())
def test_a_story(python: str) -> None:
    see_it_balance(Terminal("story", "the-gap", python=python, environment=BARE))


@pytest.mark.parametrize("python", pythons())
def test_a_replay(python: str, recording: Path) -> None:
    see_it_balance(Terminal("replay", str(recording), python=python, environment=NO_TERM))


def test_frames_are_drawn_whatever_the_locale_says(tmp_path: Path) -> None:
    desk = Terminal("--data", str(tmp_path), environment=BARE, size=(120, 40))
    desk.wait_for(FRAME)
    see_it_balance(desk)


@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True).returncode,
    reason="process namespaces are not allowed here",
)
def test_the_first_process_of_a_container(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "cachedesk", "--data", str(tmp_path)]
    desk = Terminal("unshare", "-pf", "--mount-proc", *line, command=True)
    desk.wait_for(b"balanced")
    desk.type(b"q")
    assert desk.end() == 0


def test_a_user_without_an_entry_and_a_home(tmp_path: Path) -> None:
    environment = {"XDG_DATA_HOME": None, "XDG_STATE_HOME": None}
    line = [sys.executable, "-c", NO_PASSWD]
    variables = {name: value for name, value in os.environ.items() if name not in environment}
    for arguments in (["dump"], ["run", "--ops", "1"]):
        done = subprocess.run(
            [*line, *arguments], capture_output=True, text=True, cwd=ROOT, env=variables
        )
        assert done.returncode == 2, done
        assert done.stderr.count("\n") == 1, done.stderr
        assert "--data" in done.stderr
    desk = Terminal(*line, "--data", str(tmp_path), command=True, environment=environment)
    desk.wait_for(b"balanced")
    assert b"New here" not in desk.shown
    desk.type(b"q")
    assert desk.end() == 0

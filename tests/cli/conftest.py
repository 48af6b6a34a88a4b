"""The real command, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess, Popen
from tempfile import TemporaryDirectory

import pytest

from .terminal import Terminal
from .warm import SECONDS, Warm

Command = Callable[..., CompletedProcess[bytes]]
Start = Callable[..., "Popen[bytes]"]

TRACES = Path(__file__).resolve().parents[2].parent / "shared" / "traces"
_CACHEDESK = [sys.executable, "-m", "cachedesk"]


def cold(
    *arguments: str | bytes, environment: Mapping[str, str] | None = None
) -> CompletedProcess[bytes]:
    """Run ``cachedesk`` in an interpreter of its own to its end."""
    return subprocess.run(
        [*_CACHEDESK, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
        timeout=SECONDS,
    )


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that forgets --data does not write into the user's own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


@pytest.fixture(autouse=True)
def _no_terminal_left() -> Iterator[None]:
    """A test that fails leaves no desk running."""
    yield
    while Terminal.started:
        Terminal.started.pop().kill()


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: what is tested here is not the disk's speed."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(prefix="cachedesk-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """What the commands of a session are forked from."""
    warm = Warm()
    yield warm
    warm.close()


@pytest.fixture
def cachedesk(warm: Warm) -> Command:
    """Run ``cachedesk`` to its end: ``cachedesk("get", "k", locale="C")``."""

    def run(*arguments: object, locale: str | None = None) -> CompletedProcess[bytes]:
        line = [os.fspath(_as_argument(argument)) for argument in arguments]
        if locale is None:
            return warm.run(line, os.environ)
        # What the interpreter itself reads as it starts.
        says = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        return cold(*line, environment=says)

    return run


@pytest.fixture
def started() -> Iterator[Start]:
    """Start ``cachedesk`` and leave it running until the end of the test."""
    processes: list[Popen[bytes]] = []

    def start(*arguments: object) -> Popen[bytes]:
        process = Popen(
            [*_CACHEDESK, *map(os.fspath, map(_as_argument, arguments))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _as_argument(argument: object) -> str | bytes | os.PathLike[str]:
    return argument if isinstance(argument, str | bytes | os.PathLike) else str(argument)

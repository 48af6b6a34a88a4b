"""The blocks of processes.md, run as they are: each way that it recommends works.

The web servers are imitated with the standard library (``prefork``): a master that forks workers,
with the application imported before or after the fork.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from engine.until import until

import cachedesk

DOCUMENT = Path(__file__).parents[1] / "assets" / "docs" / "processes.md"
PREFORK = Path(__file__).with_name("prefork.py")
BLOCKS = {
    match[1]: match[0]
    for match in re.finditer(r"(?<=```python\n)# (\w+\.py)\n.*?(?=```)", DOCUMENT.read_text(), re.S)
}
ENOUGH_SECONDS = 300


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with all blocks as files."""
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@contextmanager
def running(here: Path, *line: object) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program in ``here``; it is asked to end after the block, and must."""
    command = [sys.executable, *map(str, line)]
    with subprocess.Popen(
        command,
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(ENOUGH_SECONDS)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def owning(here: Path, end: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    """Run the owner, and end it by a signal after the block."""
    with running(here, "-m", "cachedesk", "up", "--data", "data") as process:
        assert process.stderr is not None
        assert "serving" in process.stderr.readline()
        yield
        process.send_signal(end)
        process.wait(ENOUGH_SECONDS)
    assert process.returncode == (143 if end is signal.SIGTERM else -end)


def views(here: Path) -> int:
    """Return how many views are counted in the directory, which must be free."""
    with cachedesk.open(here / "data") as cache:
        return int(cache.get("views:home") or 0)


@contextmanager
def serving(here: Path, module: str, workers: int, when: str) -> Iterator[tuple[str, list[int]]]:
    """Run a server that forks; the block is given its address and the pids of its workers."""
    with running(here, PREFORK, module, workers, when) as process:
        assert process.stdout is not None
        port, *pids = process.stdout.readline().split()
        yield f"http://127.0.0.1:{port}/", [int(pid) for pid in pids]


def ask(address: str) -> int | None:
    """Return the number of a view; ``None``: the worker died."""
    try:
        with urllib.request.urlopen(address, timeout=ENOUGH_SECONDS) as answer:
            return int(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        raise
    except OSError:
        return None


def status_of(address: str) -> int:
    """Return the status of an answer."""
    try:
        with urllib.request.urlopen(address, timeout=ENOUGH_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize("when", ["preload", "lazy"])
def test_four_workers_of_an_owner_count_each_view_once(here: Path, when: str) -> None:
    answers: list[int | None] = []

    def browse(address: str) -> None:
        for _ in range(25):
            answers.append(ask(address))

    with owning(here), serving(here, "app", 4, when) as (address, workers):
        browsers = [threading.Thread(target=browse, args=(address,)) for _ in range(4)]
        for browser in browsers:
            browser.start()
        until(lambda: len(answers) > 20)
        os.kill(workers[0], signal.SIGKILL)
        for browser in browsers:
            browser.join()
    acknowledged = [answer for answer in answers if answer is not None]
    assert len(answers) == 100
    assert len(acknowledged) == len(set(acknowledged)) >= 90
    # A worker that was killed may have counted a view that it did not answer.
    assert len(acknowledged) <= views(here) <= len(answers)


def test_workers_go_on_when_their_owner_was_killed(here: Path) -> None:
    answers: list[int | None] = []
    with serving(here, "app", 2, "preload") as (address, _):
        for _ in range(2):
            with owning(here, signal.SIGKILL):
                answers += [ask(address) for _ in range(10)]
            assert status_of(address) == 503
    assert answers == list(range(1, 21))
    assert views(here) == 20


def test_one_worker_with_threads_opens_the_cache_when_it_is_imported(here: Path) -> None:
    with serving(here, "threads", 1, "lazy") as (address, _):
        assert [ask(address) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert views(here) == 5


def test_the_same_imported_before_the_fork_fails_and_harms_nothing(here: Path) -> None:
    with serving(here, "threads", 2, "preload") as (address, _):
        assert [status_of(address) for _ in range(5)] == [500] * 5
    assert views(here) == 0


RELOADER = """
import os, subprocess, sys
import lazily  # both processes import the application

if os.environ.get("CHILD"):
    print(lazily.cache().incr("views:home"), flush=True)
    os.kill(os.getpid(), int(sys.argv[1]))
for _ in range(3):
    subprocess.run([sys.executable, *sys.argv], env={**os.environ, "CHILD": "1"})
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_reloader_starts_its_child_again_and_again(here: Path, how: signal.Signals) -> None:
    (here / "reloader.py").write_text(RELOADER)
    ended = subprocess.run(
        [sys.executable, "reloader.py", str(int(how))],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=ENOUGH_SECONDS,
    )
    assert ended.stdout.split() == ["1", "2", "3"], ended.stderr
    assert views(here) == 3


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_pool_computes_and_its_parent_writes(here: Path, method: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "pool.py", method, "data"],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=ENOUGH_SECONDS,
    )
    assert ended.stderr == ""
    sums = {f"words:{rest}": sum(range(rest, 100, 3)) for rest in range(3)}
    said = json.loads(ended.stdout.replace("b'", '"').replace("'", '"'))
    assert {key: int(value) for key, value in said.items()} == sums


def test_a_cell_may_be_run_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    notebook: dict[str, object] = {}
    for number in range(1, 4):
        exec(BLOCKS["cell.py"], notebook)
        cache = notebook["cache"]
        assert isinstance(cache, cachedesk.CacheLayer)
        assert cache.incr("views:1") == number
    cache.close()


def test_each_block_is_run_by_a_test_of_this_file() -> None:
    used = Path(__file__).read_text()
    unused = {name for name in BLOCKS if name.removesuffix(".py") not in used}
    assert BLOCKS.keys() == {"app.py", "threads.py", "lazily.py", "pool.py", "cell.py"}
    assert unused == set()
    assert len(BLOCKS) == DOCUMENT.read_text().count("```python")

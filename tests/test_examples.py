"""The programs in assets/examples do what they say, each run as a user would run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
SECONDS = 600
# As generous as all tests are: a busy machine may take longer than the defaults allow.
PATIENT = "[redis]\ntimeout_seconds = 1\n[database]\nwrite_seconds = 20\n"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    commands = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    for name in ("data", "replayed"):
        Path(name).mkdir()
        Path(name, "cachedesk.toml").write_text(PATIENT)


def ran(*line: str | Path) -> list[str]:
    """Run a command to its end and return the lines it prints."""
    done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def example(name: str, *arguments: str) -> list[str]:
    """Run an example in Python; return the lines it prints."""
    return ran(sys.executable, EXAMPLES / name, *arguments)


def test_counter() -> None:
    assert example("counter.py") == [
        "balance of ann: b'100', applied",
        "after a payment: 70",
        "refused: incrementing 70 by 9223372036854775807 leaves the range of 64 bits",
        "views of home: b'2', of prices: b'1'",
    ]
    assert example("counter.py")[-1] == "views of home: b'4', of prices: b'2'"


def test_batch_import() -> None:
    lines = [f"{number},{number}.50\n" for number in range(2_500)]
    Path("prices.csv").write_text("sku,price\n" + "".join(lines))
    assert example("batch_import.py", "prices.csv") == ["2,500 prices in 3 batches"]
    assert ran("cachedesk", "get", "price:2499", "--data", "data") == ["2499.50"]


def test_inspect_and_drain() -> None:
    assert example("inspect_and_drain.py") == [
        "dead: incr likes:draft:7: a draft cannot be liked",
        "replayed: applied",
        "likes:article:1 = 3",
        "likes:draft:7 = 1",
        "0 pending, 0 dead, balanced: True",
    ]


@contextmanager
def page_server() -> Iterator[str]:
    """Run the example of a web page; the block is given its address, and Ctrl-C ends it."""
    line = [sys.executable, EXAMPLES / "wsgi_counter.py", "0"]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
            server.send_signal(signal.SIGINT)
            assert server.wait(SECONDS) == 0
            assert server.stdout.read() == "closed; what is pending is in the log\n"
        finally:
            server.kill()


def page(address: str) -> bytes:
    """Return what a page says."""
    with urllib.request.urlopen(address, timeout=SECONDS) as reply:
        return reply.read()


def test_wsgi_counter() -> None:
    with page_server() as address:
        assert page(f"{address}a") == b"/a was viewed 1 times\n"
        assert page(f"{address}b") == b"/b was viewed 1 times\n"
        assert page(f"{address}a") == b"/a was viewed 2 times\n"
    with page_server() as address:
        assert page(f"{address}a") == b"/a was viewed 3 times\n"


def test_monitor_replay() -> None:
    said = ran("sh", EXAMPLES / "monitor_replay.sh")
    assert said[0].endswith("minute.txt is read as redis-monitor")
    assert any("16 accepted = 16 applied + 0 pending + 0 dead + 0 lost" in line for line in said)
    assert any("redis.kill@10ops" in line for line in said)
    assert said[-5:] == [
        '["likes:article:1","4"]',
        '["order:17","paid"]',
        '["views:article:1","4"]',
        '["views:article:2","4"]',
        '["views:article:3","4"]',
    ]


def test_my_story() -> None:
    said = ran("cachedesk", "story", EXAMPLES / "my_story.toml")
    assert said[-1].startswith("Every claim of my_story holds")


def test_every_example_is_run_here() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.iterdir()} - {"minute", "__pycache__"} <= tested

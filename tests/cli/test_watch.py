"""``cachedesk watch`` without a screen, as a process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.until import until
from tests.watch.servers import REDIS, Server

from .conftest import Command
from .terminal import Terminal


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(REDIS)
    yield server
    server.close()


@pytest.fixture
def busy(server: Server) -> Iterator[Server]:
    """A server whose keys are read and filled."""
    over = threading.Event()

    def use() -> None:
        number = 0
        with server.client() as client:
            while not over.wait(0.001):
                number += 1
                if client.get(f"page:{number % 50}") is None:
                    client.set(f"page:{number % 50}", "x" * 100, px=200)

    user = threading.Thread(target=use)
    user.start()
    yield server
    over.set()
    user.join()


def long_enough(attempt: Callable[[int], bool]) -> None:
    """Watch for a second, two, four …: on a busy machine little happens in one."""
    assert any(attempt(2**power) for power in range(6))


def test_it_prints_one_json_object(cachedesk: Command, busy: Server) -> None:
    told: dict[str, Any] = {}

    def attempt(seconds: int) -> bool:
        done = cachedesk("watch", busy.url, "--json", "--seconds", seconds, "--budget", 20)
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.decode().splitlines()
        told.update(json.loads(line))
        read = [it for it in told["prefixes"] if it["prefix"] == "page:*" and it["reads_seen"]]
        return bool(read) and told["hit_rate"] is not None

    long_enough(attempt)
    assert told["server"]["product"] == "Redis"
    assert 0 <= told["hit_rate"] <= 1
    assert told["load"]["budget"] == 0.2
    (page,) = [it for it in told["prefixes"] if it["prefix"] == "page:*"]
    assert page["hit_rate_95"][0] <= page["hit_rate"] <= page["hit_rate_95"][1]
    assert told["monitor"]["windows"] > 0


def test_it_records_a_trace_that_run_and_compare_take(
    cachedesk: Command, busy: Server, tmp_path: Path
) -> None:
    paths: list[Path] = []

    def attempt(seconds: int) -> bool:
        paths.append(path := tmp_path / f"sampled-{seconds}.txt")
        done = cachedesk("watch", busy.url, "--record", path, "--seconds", seconds, "--budget", 50)
        assert done.returncode == 0, done.stderr
        return f"commands in {path}" in done.stdout.decode()

    long_enough(attempt)
    ran = cachedesk("run", "--trace", paths[-1], "--data", tmp_path / "data", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["ops"]["get"] > 0
    compared = cachedesk("compare", "--trace", paths[-1], "--vary", "batch=10,1000", "--json")
    assert compared.returncode == 0, compared.stderr


def test_without_monitor_it_says_what_is_unknown(cachedesk: Command, busy: Server) -> None:
    done = cachedesk("watch", busy.url, "--no-monitor", "--json", "--seconds", 1)
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["monitor"] is None
    assert told["restart"] is None
    assert all(it["hit_rate"] is None for it in told["prefixes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["localhost"], "begins with redis://"),
        (["redis://:s3cret@127.0.0.1:1"], "cannot connect to redis://127.0.0.1:1: connection"),
        (["redis://h", "--budget", "0"], "'0' is not above 0 and at most 100 percent"),
        (["redis://h", "--no-monitor", "--record", "x"], "--record needs MONITOR"),
        (["redis://h", "--record", "/nowhere/x"], "directory /nowhere does not exist"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    cachedesk: Command, arguments: list[str], said: str
) -> None:
    done = cachedesk("watch", *arguments, "--json")
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert said in line
    assert "s3cret" not in line
    assert done.stdout == b""


def test_a_right_that_is_missing_is_named(cachedesk: Command, server: Server) -> None:
    rights = "on >s3cret ~* -@all +info +scan +memory|usage"
    server.client().execute_command("ACL", "SETUSER", "watcher", *rights.split())
    url = server.url.replace("unix://", "unix://watcher:s3cret@")
    done = cachedesk("watch", url, "--json", "--seconds", 1)
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert line.endswith("allow: ACL SETUSER watcher +monitor, or use --no-monitor")
    assert cachedesk("watch", url, "--json", "--seconds", 1, "--no-monitor").returncode == 0


def test_the_screen_shows_prefixes_records_and_says_where(busy: Server, tmp_path: Path) -> None:
    environment = {"XDG_DATA_HOME": str(tmp_path / "share")}
    terminal = Terminal(
        "watch", busy.url, "--budget", "50", environment=environment, size=(120, 40)
    )
    terminal.wait_for(b"page:*")
    before = terminal.wait_for(b"big keys")
    terminal.type(b"R")
    terminal.wait_for(b"recording", before)
    (folder,) = (tmp_path / "share").rglob("recordings")
    until(lambda: any(path.stat().st_size for path in folder.iterdir()))
    terminal.type(b"q")
    assert terminal.end() == 0
    assert b"watch-001.txt" in terminal.shown.rpartition(b"saved ")[2]


def test_the_screen_of_a_server_that_refuses_is_one_line(server: Server) -> None:
    server.client().config_set("requirepass", "s3cret")
    terminal = Terminal("watch", server.url)
    assert terminal.end() == 2
    assert b"needs a password" in terminal.shown
    assert b"Traceback" not in terminal.shown


def test_without_a_terminal_there_is_no_screen(cachedesk: Command) -> None:
    done = cachedesk("watch", "redis://h")
    assert done.returncode == 2
    assert b"use --once or --json" in done.stderr

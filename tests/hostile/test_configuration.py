"""Settings: from a file, as arguments of the library, and as options of the command."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Command

import cachedesk
from cachedesk.config import load
from cachedesk.core.errors import ConfigError
from cachedesk.core.settings import (
    DatabaseSettings,
    LogSettings,
    RedisSettings,
    Settings,
    WorkerSettings,
)

from .cases import check_message, digest, each, refused

FILE = "cachedesk.toml"


def toml(text: str | bytes) -> Callable[[Path], object]:
    raw = text if isinstance(text, bytes) else text.encode()
    return lambda data: (data / FILE).write_bytes(raw)


def link(to: str) -> Callable[[Path], object]:
    return lambda data: (data / FILE).symlink_to(to)


FILES = [
    refused("a folder", lambda data: (data / FILE).mkdir(), ConfigError, "not a regular file"),
    refused("a pipe", lambda data: os.mkfifo(data / FILE), ConfigError, "not a regular file"),
    refused("a device", link("/dev/zero"), ConfigError, "not a regular file"),
    refused("a link to nowhere", link("nowhere"), ConfigError, "cannot read: No such file"),
    refused("a link to itself", link(FILE), ConfigError, "cannot read"),
    refused("not UTF-8", toml(b"[redis]\n# caf\xe9"), ConfigError, "not valid UTF-8 at byte 13"),
    refused("UTF-16", toml("[redis]".encode("utf-16")), ConfigError, "not valid UTF-8"),
    refused("a NUL", toml("[redis]\0"), ConfigError, "not valid TOML"),
    refused("huge", toml("# " + "x" * 2**20), ConfigError, "file is larger than 1 MiB"),
    refused("JSON", toml('{"redis": {}}'), ConfigError, "not valid TOML"),
    refused(
        "a key twice", toml("[log]\nlimit_events=1\nlimit_events=2"), ConfigError, "not valid TOML"
    ),
    refused("a table twice", toml("[log]\n[log]"), ConfigError, "not valid TOML"),
    refused(
        "a string without end", toml('[log]\nwhen_full = "block'), ConfigError, "not valid TOML"
    ),
    refused(
        "5,000 digits", toml(f"[log]\nlimit_events = {'9' * 5000}"), ConfigError, "4300 digits"
    ),
    refused("brackets without end", toml(f"x = {'[' * 9999}"), ConfigError, "recursion"),
    refused("an array of tables", toml("[[redis]]"), ConfigError, "redis: expected a table"),
    refused("a date", toml("[log]\nblock_seconds = 2020-01-01"), ConfigError, "expected float"),
    refused("a list", toml("[log]\nlimit_events = [1]"), ConfigError, "expected int"),
    refused("a nested table", toml("[redis.more]\nx=1"), ConfigError, "redis.more: there is no"),
    refused("minus infinity", toml("[log]\nblock_seconds = -inf"), ConfigError, "block_seconds"),
    refused(
        "no eviction policy",
        toml("[redis]\neviction_policy = 'volatile'"),
        ConfigError,
        "no eviction policy 'volatile'; there are allkeys-lru, ",
    ),
    refused("zero", toml("[log]\nlimit_events = 0"), ConfigError, "expected int >= 1, not 0"),
    refused("far too much", toml("[redis]\nmaxmemory_bytes = '9999999gb'"), ConfigError, "int <="),
    refused("a negative size", toml("[redis]\nmaxmemory_bytes = '-5mb'"), ConfigError, "a size"),
    refused("Arabic digits", toml("[redis]\nmaxmemory_bytes='\u0665mb'"), ConfigError, "size"),
    refused("an empty name", toml('"" = 1'), ConfigError, "there is no such setting"),
    refused("a name with a line break", toml('"a\\nb" = 1'), ConfigError, "a b: there is no such"),
    refused("a name of a page", toml(f'"{"x" * 9999}" = 1'), ConfigError, "there is no such"),
    refused("a path of a page", toml(f'[policies]\na="{"x" * 9999}"'), ConfigError, "unknown"),
    refused("a policy of another shape", toml("[policies.a]\nb=1"), ConfigError, "no such field"),
    refused("a path that is a list", toml("[policies]\na=[1]"), ConfigError, "unknown policy"),
    refused("a path in capitals", toml("[policies]\na='WRITE-BEHIND'"), ConfigError, "did you"),
]


@each(FILES)
def test_a_bad_file_is_refused(case: Any, tmp_path: Path) -> None:
    case.prepare(tmp_path)
    before = digest(tmp_path)
    with pytest.raises(case.error) as caught:
        load(tmp_path)
    check_message(str(caught.value), (str(tmp_path / FILE), *case.words))
    assert digest(tmp_path) == before


GOOD_FILES: list[tuple[str, str | bytes]] = [
    ("empty", b""),
    ("a byte order mark", b"\xef\xbb\xbf[log]\nlimit_events = 7"),
    ("of Windows", b"[log]\r\nlimit_events = 7\r\n"),
    ("in another alphabet", "[policies]\n'\u6570*' = 'write-behind'\n[log]\nlimit_events = 7"),
    ("with every limit at its edge", "[log]\nlimit_events = 1\nlimit_bytes = '1KB'"),
]


@pytest.mark.parametrize("text", [it for _, it in GOOD_FILES], ids=[it for it, _ in GOOD_FILES])
def test_a_good_file_is_taken(text: str | bytes, tmp_path: Path) -> None:
    toml(text)(tmp_path)
    assert load(tmp_path).log.limit_events in (1, 7, 1_000_000)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments of ``cachedesk.open`` that must be rejected, and the expected message."""

    name: str
    arguments: dict[str, Any]
    words: tuple[str, ...]


def arguments(name: str, *words: str, **arguments: Any) -> Arguments:
    return Arguments(name, arguments, words)


def with_settings(name: str, *words: str, **settings: Any) -> Arguments:
    return Arguments(name, {"settings": Settings(**settings)}, words)


LIBRARY = [
    arguments("no settings", "expected Settings, not dict", settings={"log": {}}),
    arguments("a class", "expected Settings, not", settings=Settings),
    with_settings("a section of text", "redis: expected settings", redis="fast"),
    with_settings("a wrong section", "log", log=WorkerSettings()),
    with_settings("negative", "int >= 1, not -1", worker=WorkerSettings(batch_events=-1)),
    with_settings("text", "expected int, not '5'", log=LogSettings(limit_events="5")),  # type: ignore[arg-type]
    with_settings("bool", "expected int, not True", log=LogSettings(limit_events=True)),
    with_settings("NaN", "write_seconds", database=DatabaseSettings(write_seconds=float("nan"))),
    with_settings("infinite", "float <=", redis=RedisSettings(timeout_seconds=float("inf"))),
    with_settings("None", "expected int", redis=RedisSettings(maxmemory_bytes=None)),  # type: ignore[arg-type]
    with_settings("no choice", "one of block", log=LogSettings(when_full="wait")),  # type: ignore[arg-type]
    with_settings(
        "contradiction", "is above worker.retry_max_seconds", worker=WorkerSettings(retry_seconds=9)
    ),
    with_settings("no such path", "did you mean 'write-behind'?", policies={"a": "write-back"}),
    with_settings("no pattern", "an empty key pattern", policies={"": "write-behind"}),
    arguments("policies a list", "expected a mapping, not list", policies=[("a*", "write-behind")]),
    arguments("policies a text", "expected a mapping, not str", policies="write-behind"),
    arguments("a pattern of no text", "a key pattern is", policies={5: "write-behind"}),
    arguments("half a character", "a key pattern is", policies={"\ud800": "write-behind"}),
    arguments("a path of no text", "unknown policy", policies={"a*": ["write-behind"]}),
]


@each(LIBRARY)
def test_bad_arguments_are_refused_before_anything_is_made(case: Arguments, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        cachedesk.open(tmp_path / "data", **case.arguments).close()
    check_message(str(caught.value), case.words)
    assert list(tmp_path.iterdir()) == []


COMMAND: list[tuple[str, tuple[str, ...], str]] = [
    ("an empty data directory", ("run", "--ops", "1", "--data", ""), "must not be empty"),
    ("an empty file", ("run", "--ops", "1", "--config", ""), "must not be empty"),
    ("a file that is a device", ("run", "--ops", "1", "--config", "/dev/zero"), "not a regular"),
    ("a policy of nothing", ("run", "--ops", "1", "--policy", ""), "PATTERN=PATH"),
    ("ops beyond all", ("run", "--ops", "1" * 5_000), "--ops"),
    ("a seed of words", ("run", "--ops", "1", "--seed", "0x"), "--seed"),
]


@pytest.mark.parametrize(
    ("given", "says"), [it[1:] for it in COMMAND], ids=[it[0] for it in COMMAND]
)
def test_the_command_refuses_bad_options(
    cachedesk: Command,
    tmp_path: Path,
    given: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    done = cachedesk(*given)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("cachedesk: ")
    assert says in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []

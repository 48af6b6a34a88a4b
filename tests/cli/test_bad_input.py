"""Bad usage and bad files: one line on stderr, exit 2, and nothing on disk has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Command

RUN = ("run", "--ops", "1")

BAD = {
    "no terminal": ((), 'use "cachedesk run"'),
    "command": (("rnu",), "Did you mean 'run'?"),
    "option": (("run", "--sed", "1"), "Did you mean"),
    "option before its command": (
        ("--rate", "5", "run"),
        "--rate must come after the command: cachedesk run --rate",
    ),
    "ops of zero": (("run", "--ops", "0"), "--ops"),
    "ops in words": (("run", "--ops", "many"), "--ops"),
    "seconds NaN": (("run", "--seconds", "nan"), "finite"),
    "rate infinite": (("run", "--rate", "inf"), "finite"),
    "rate negative": (("run", "--rate=-1"), "finite"),
    "clients": (("run", "--clients", "0"), "--clients"),
    "workload": ((*RUN, "--workload", "artikel"), "did you mean 'article'?"),
    "fault": ((*RUN, "--fault", "redis.kil@5s"), "did you mean 'redis.kill'?"),
    "fault's time": ((*RUN, "--fault", "redis.kill@soon"), "is not a time"),
    "policy": ((*RUN, "--policy", "a*=write-back"), "did you mean 'write-behind'?"),
    "policy without a path": ((*RUN, "--policy", "a*"), "PATTERN=PATH"),
    "policy without a pattern": ((*RUN, "--policy", "=write-behind"), "empty key pattern"),
    "two outputs": ((*RUN, "--json", "--stat"), "exclude"),
    "two sources": ((*RUN, "--trace", "t", "--workload", "article"), "exclude"),
    "a share without a trace": ((*RUN, "--writes", "0.5"), "--writes needs a trace"),
    "a format without a trace": ((*RUN, "--format", "csv"), "--format needs a trace"),
    "trace absent": (("run", "--trace", "absent.csv"), "No such file"),
    "trace a folder": (("run", "--trace", "."), "not a regular file"),
    "config absent": ((*RUN, "--config", "absent.toml"), "No such file"),
    "data a file": ((*RUN, "--data", __file__), "is a file"),
    "get without a key": (("get",), "KEY"),
    "get an empty key": (("get", ""), "1 to 1,024 bytes"),
    "get from nowhere": (("get", "k"), "no data directory"),
    "dump of nothing": (("dump",), "no data directory"),
    "drain of nothing": (("drain",), "no data directory"),
}


@pytest.mark.parametrize(("arguments", "says"), BAD.values(), ids=BAD)
def test_bad_usage_is_one_line_and_changes_nothing(
    cachedesk: Command, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    data = tmp_path / "data"
    if "--data" not in arguments and arguments:
        # Behind the command when there is one, for it to be parsed at all.
        arguments = (*arguments, "--data", str(data))
    done = cachedesk(*arguments)
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert says in said
    assert said.startswith("cachedesk: ")
    assert said.count("\n") == 1
    assert done.stdout == b""
    assert not data.exists()
    assert not (tmp_path / "home").exists()


def test_a_bad_line_at_the_end_of_a_trace_changes_nothing(
    cachedesk: Command, tmp_path: Path
) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("op,key,value\n" + "incr,views:1,1\n" * 5000 + "incr,views:1,x\n")
    done = cachedesk("run", "--trace", trace, "--data", tmp_path / "data")
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"cachedesk: {trace} line 5002: incr by 'x', which is not a whole number\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_wrong_setting_in_the_data_directory_is_named(cachedesk: Command, tmp_path: Path) -> None:
    file = tmp_path / "cachedesk.toml"
    file.write_text("[worker]\nbatch_event = 5\n")
    done = cachedesk("run", "--ops", "1", "--data", tmp_path)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"cachedesk: {file}: worker.batch_event: there is no such setting;"
        " did you mean 'batch_events'?\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cachedesk.toml"]


def test_a_folder_that_is_no_data_directory_is_left_alone(
    cachedesk: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for command in (("get", "k"), ("dump",), ("drain",)):
        done = cachedesk(*command, "--data", tmp_path)
        assert done.returncode == 2
        assert b"is not a data directory of cachedesk" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

"""The process's surroundings: descriptors, temporary folders, closed streams, odd variables.

Each case runs the real command in a shell that spoils something first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import pytest
from engine.scenarios import running, wait_until_trusted
from engine.until import until

from cachedesk.cli.resolve import environment_failpoints
from cachedesk.core.commands import Inject
from cachedesk.core.errors import ConfigError

from .cases import check_message, digest, each
from .conftest import Good

pytestmark = pytest.mark.slow

COMMAND = f"{quote(sys.executable)} -m cachedesk"
GET = "get order:000 --data $DATA"
RUN = "run --ops 30 --json --data $DATA"
VALUE = b"sent\n"


@dataclass(frozen=True, slots=True)
class Shell:
    """A script with ``CACHEDESK`` for the command, its exit status, and what it must say.

    ``out``: its whole standard output; ``words``: on standard error, where there must be one line
    if the status is 2, and nothing was changed then. ``counts``: it got far enough to be counted
    as an opening.
    """

    name: str
    script: str
    status: int = 0
    out: bytes | None = None
    words: tuple[str, ...] = ()
    counts: bool = False


CASES = [
    Shell("standard input closed", f"CACHEDESK {GET} <&-", out=VALUE),
    Shell("standard output closed", f"CACHEDESK {GET} >&-", out=b""),
    Shell("standard error closed", f"CACHEDESK {GET} 2>&-", out=VALUE),
    Shell("a run with its error closed", f"CACHEDESK {RUN} 2>&- >/dev/null"),
    Shell("all three closed", "CACHEDESK run --ops 30 --data $DATA <&- >&- 2>&-"),
    Shell(
        "JSON for a closed output", f"CACHEDESK {RUN} >&-", 2, words=("--json: standard output",)
    ),
    Shell("the desk without a terminal", "CACHEDESK <&- >&-", 2, words=("needs a terminal",)),
    Shell("a full device", f"CACHEDESK {GET} >/dev/full", 2, None, ("No space left",), counts=True),
    Shell("help to a full device", "CACHEDESK --help >/dev/full", 2, words=("No space left",)),
    Shell("5 descriptors", f"ulimit -n 6; CACHEDESK {GET}", 2, words=("cannot be opened",)),
    Shell("10 descriptors", f"ulimit -n 10; CACHEDESK {RUN}", 2, words=("cannot be opened",)),
    Shell("20 descriptors", f"ulimit -n 20; CACHEDESK {RUN} >/dev/null"),
    Shell("no file larger than 0", f"ulimit -f 0; CACHEDESK {RUN}", 2, words=("data",)),
    Shell("the current directory gone", f"cd $GONE; rmdir $GONE; CACHEDESK {GET}", out=VALUE),
    Shell(
        "a name relative to what is gone",
        "cd $GONE; rmdir $GONE; CACHEDESK run --ops 1 --data data",
        2,
        words=("cannot be used",),
    ),
    Shell("no home", f"unset HOME; CACHEDESK {GET}", out=VALUE),
    Shell("an empty environment", f"env -i CACHEDESK {GET}", out=VALUE),
    Shell("no PATH", f"PATH= ; CACHEDESK {RUN} >/dev/null"),
    Shell("a locale that is none", f"LC_ALL=xx_YY.nope CACHEDESK {GET}", out=VALUE),
    Shell("ASCII only", f"LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 CACHEDESK {GET}", out=VALUE),
    Shell(
        "ASCII only, and a letter that is none",
        "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 CACHEDESK get caf\u00e9 --data $DATA",
        1,
        out=b"",
    ),
    Shell("no TMPDIR", f"TMPDIR=$GONE/nowhere CACHEDESK {RUN} >/dev/null"),
    Shell("an empty TMPDIR", f"TMPDIR= CACHEDESK {RUN} >/dev/null"),
    Shell("a TMPDIR that is a file", f"TMPDIR=/etc/passwd CACHEDESK {RUN} >/dev/null"),
    Shell("a TMPDIR that takes no files", f"TMPDIR=/proc CACHEDESK {RUN} >/dev/null"),
    Shell("a TMPDIR too long for a socket", f"TMPDIR=$LONG CACHEDESK {RUN} >/dev/null"),
]


@each(CASES)
def test_the_command_in_an_odd_environment(case: Shell, now: Path, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    long = tmp_path / ("l" * 200)
    long.mkdir()
    before = digest(now)
    done = subprocess.run(
        ["/bin/bash", "-c", case.script.replace("CACHEDESK", COMMAND)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            "DATA": str(now),
            "GONE": str(tmp_path / "gone"),
            "LONG": str(long),
            "HOME": str(tmp_path / "home"),
        },
        timeout=120,
    )
    said = done.stderr.decode()
    assert done.returncode == case.status, said
    assert "Traceback" not in said
    if case.out is not None:
        assert done.stdout == case.out
    if case.status == 2:
        assert said.startswith("cachedesk: ")
        check_message(said.removesuffix("\n"), case.words)
        assert case.counts or digest(now) == before
    assert list(long.iterdir()) == []
    assert not (tmp_path / "home").exists()


def test_nothing_was_harmed_by_too_few_descriptors(now: Path, good: Good) -> None:
    """Wherever the last one is taken: after it, all is there."""
    for limit in range(5, 24, 2):
        script = f"ulimit -n {limit}; {COMMAND} get order:000 --data {quote(str(now))}"
        done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, timeout=120)
        assert done.returncode in (0, 2)
        assert b"Traceback" not in done.stderr
        assert done.stdout == (VALUE if done.returncode == 0 else b"")
    with running(now) as stack:
        assert dict(stack.layer.items()) == good.truth


FAILPOINTS = [
    ("no terms", "log.append.before", "point=terms"),
    ("no point", "=crash", "no failpoint ''"),
    ("unknown", "log.append.befor=crash", "did you mean 'log.append.before'?"),
    ("no action", "log.append.before=", "cannot read ''"),
    ("an unknown action", "log.append.before=explode", "cannot read 'explode'"),
    ("an arrow to nothing", "log.append.before=off->", "cannot read ''"),
    ("no time", "log.append.before=sleep", "wants milliseconds"),
    ("a raised time", "log.append.before=sleep(\u00b2)", "wants milliseconds"),
    ("an endless time", "log.append.before=sleep(99999999999999999999)", "wants milliseconds"),
    ("an unknown error", "log.append.before=raise(Nobody)", "no error 'Nobody'"),
    ("an error that is none", "log.append.before=raise(annotations)", "no error"),
    ("more than all", "log.append.before=99999%crash", "cannot read"),
    ("one good and one bad", "worker.read.after=sleep(1);x=crash", "no failpoint 'x'"),
    ("not UTF-8", b"\xff=crash".decode(errors="surrogateescape"), "no failpoint"),
]


@pytest.mark.parametrize(
    ("variable", "says"), [it[1:] for it in FAILPOINTS], ids=[it[0] for it in FAILPOINTS]
)
def test_a_malformed_failpoint_is_named(
    variable: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", variable)
    with pytest.raises(ConfigError) as caught:
        environment_failpoints()
    check_message(str(caught.value), (says,))


@pytest.mark.parametrize("variable", ["", ";", " ; ;; ", "log.append.before=off;"], ids=repr)
def test_no_failpoint_is_no_error(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", variable)
    assert environment_failpoints() == variable


def test_a_temporary_folder_that_is_deleted_comes_back_with_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Path(tempfile.mkdtemp(prefix="cd", dir=tempfile.gettempdir()))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    with running(tmp_path) as stack:
        stack.layer.set("order:1", b"paid")
        shutil.rmtree(short)
        stack.perform(Inject("redis.kill"))
        assert stack.layer.get("order:1") == b"paid"
        assert stack.layer.incr("views:1") == 1
        until(lambda: stack.snapshot().redis.restarts > 0)
        wait_until_trusted(stack)
        stack.layer.get("order:1")
        assert stack.layer.read("order:1").source == "redis"
    shutil.rmtree(short, ignore_errors=True)

"""What the command loads: ``--help`` must be instant, so it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cachedesk import __version__

from .conftest import Command, cold

_OURS = ("cachedesk.engine", "cachedesk.stores", "cachedesk.stack")
_HEAVY = (*_OURS, "textual", "rich", "sqlite3", "msgspec", "persistqueue", "hdrh", "jinja2")


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    program = (
        "import sys; from cachedesk.cli.main import cli; cli(['--help'], standalone_mode=False);"
        f"print([name for name in {_HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"
    assert all(command in done.stdout for command in ("run", "get", "dump", "drain"))


def test_the_version_is_the_package_s(cachedesk: Command) -> None:
    assert cachedesk("--version").stdout.decode() == f"cachedesk {__version__}\n"


def test_each_command_has_help(cachedesk: Command) -> None:
    for command in ("run", "get", "dump", "drain"):
        done = cachedesk(command, "--help")
        assert done.returncode == 0
        assert b"--data" in done.stdout


@pytest.mark.slow
def test_every_command_loads_by_itself_what_it_needs(tmp_path: Path) -> None:
    """In an interpreter of its own, which the other tests of commands spare themselves."""
    data, recording = str(tmp_path / "data"), str(tmp_path / "run.rec")

    def report(name: str) -> tuple[str, str]:
        return "--report", str(tmp_path / name)

    for line in (
        ("run", "--ops", "99", "--data", data, "--record", recording, *report("run.html")),
        ("dump", "--data", data),
        ("drain", "--json", "--data", data),
        ("dead", "list", "--json", "--data", data),
        ("dead", "replay", "--all", "--data", data),
        ("replay", recording, "--json"),
        ("compare", "--ops", "9", "--vary", "clients=1,2", *report("compare.md")),
        ("story", "the-gap", "--json", *report("story.html")),
        ("torture", "--cycles", "1", "--json", *report("torture.md")),
        ("recover", "--data", data),
    ):
        done = cold(*line)
        assert (done.returncode, done.stderr) == (0, b""), line
        assert done.stdout, line
    done = cold("get", "no-such-key", "--data", data)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr

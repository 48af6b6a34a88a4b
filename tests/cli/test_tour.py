"""``cachedesk tour``: in a terminal, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Command
from .terminal import Terminal


def test_a_tour_that_is_wrong_is_refused_before_anything_is_opened(
    cachedesk: Command, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "t"\n[[station]]\ntitle = "s"\n[[station.step]]\nsya = "x"\n')
    data = tmp_path / "data"
    done = cachedesk("tour", str(file), "--data", str(data))
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"mine.toml line 5: station[1].step[1].sya: there is no such field" in done.stderr
    assert not data.exists()


def test_it_needs_a_terminal(cachedesk: Command) -> None:
    done = cachedesk("tour")
    assert done.returncode == 2
    assert b"needs a terminal" in done.stderr


@pytest.mark.slow
def test_a_class_is_shown_the_question_and_goes_on_by_a_key(tmp_path: Path) -> None:
    desk = Terminal("tour", "--class", "--data", str(tmp_path / "data"), size=(120, 40))
    asked = desk.wait_for(b"when the class has answered")
    desk.type(b"\x1b[C")
    told = desk.wait_for(b"go on", after=asked)
    desk.type(b" ")
    desk.wait_for(b"A miss, and the refill", after=told)
    desk.type(b"q")
    assert desk.end() == 0

"""The README shows what the desk looks like, not what it once looked like."""

from __future__ import annotations

import pytest

from . import pictures


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_the_picture_is_true(name: str) -> None:
    kept = (pictures.ASSETS / name).read_text(encoding="utf-8")
    assert kept == pictures.draw(name), "draw it anew: python -m tests.desk.pictures"

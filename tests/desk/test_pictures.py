"""The README shows what the desk looks like now, over what a real stack did."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
_SCRIPT = ROOT / "assets" / "make_pictures.py"


def _loaded() -> ModuleType:
    spec = spec_from_file_location("make_pictures", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Its dataclasses look themselves up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pictures = _loaded()


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_the_picture_is_true(name: str) -> None:
    kept = (pictures.ASSETS / name).read_text(encoding="utf-8")
    assert kept == pictures.draw(name), "draw it again: python assets/make_pictures.py"


def test_every_picture_of_the_readme_is_drawn_from_a_recording() -> None:
    shown = re.findall(r"\]\(assets/([^)/]+\.svg)\)", (ROOT / "README.md").read_text("utf-8"))
    assert sorted(shown) == sorted(pictures.PICTURES)
    assert {path.name for path in pictures.ASSETS.glob("*.svg")} == set(pictures.PICTURES)


def test_the_story_shows_what_its_claims_say() -> None:
    still = pictures.story_still()
    scene = still.scene()
    assert (scene.story, scene.step, scene.failed) == (pictures.STORY, pictures.STORY_STEPS, "")
    books = still.shown.books
    assert books.accepted - books.applied - books.pending - books.dead == 200

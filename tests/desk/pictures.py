"""The README's pictures, drawn from fixed scenes: ``python -m tests.desk.pictures`` draws them
anew into ``assets/``; ``test_pictures`` keeps them true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from . import conftest as _environment  # noqa: F401 - sets what a picture depends on, first

# isort: split
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.app import DeskApp
from cachedesk.desk.modes.live_story import StoryApp

from . import reports, scenes
from .piloting import FixedInspector, RecordingControl, desk
from .scenes import FixedSource
from .stories import BEFORE, STEP, Fixed

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SIZE = (120, 40)


def _desk(scene: Snapshot) -> DeskApp:
    inspector = FixedInspector(reports.PENDING)
    return desk(RecordingControl(), FixedSource(scene), inspector=inspector)


def _story() -> DeskApp:
    return StoryApp(Fixed(STEP, BEFORE), refresh_hz=None, follows=False)


PICTURES: dict[str, tuple[Callable[[], DeskApp], tuple[str, ...]]] = {
    "desk.svg": (lambda: _desk(scenes.HEALTHY), ()),
    "redis-down.svg": (lambda: _desk(scenes.REDIS_DOWN), ()),
    "inspector.svg": (lambda: _desk(scenes.HEALTHY), ("enter",)),
    "story.svg": (_story, ()),
}


def draw(name: str) -> str:
    """Return the picture of this name as SVG."""

    async def picture() -> str:
        make, keys = PICTURES[name]
        app = make()
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause()
            await pilot.press(*keys)
            await app.workers.wait_for_complete()
            await pilot.pause()
            return app.export_screenshot(title="cachedesk")

    return asyncio.run(picture())


if __name__ == "__main__":
    for name in PICTURES:
        (ASSETS / name).write_text(draw(name), encoding="utf-8")
        print(ASSETS / name)

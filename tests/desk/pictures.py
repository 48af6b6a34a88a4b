"""The README's pictures, drawn from fixed scenes: ``python -m tests.desk.pictures`` draws them
anew into ``assets/``; ``test_pictures`` keeps them true."""

from __future__ import annotations

import asyncio
from pathlib import Path

from . import conftest as _environment  # noqa: F401 - sets what a picture depends on, first
from . import reports, scenes
from .piloting import FixedInspector, RecordingControl, desk
from .scenes import FixedSource

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SIZE = (120, 40)
PICTURES = {
    "desk.svg": (scenes.HEALTHY, ()),
    "redis-down.svg": (scenes.REDIS_DOWN, ()),
    "inspector.svg": (scenes.HEALTHY, ("enter",)),
}


def draw(name: str) -> str:
    """Return the picture of this name as SVG."""

    async def picture() -> str:
        scene, keys = PICTURES[name]
        inspector = FixedInspector(reports.PENDING)
        app = desk(RecordingControl(), FixedSource(scene), inspector=inspector)
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

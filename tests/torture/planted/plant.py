"""What plants a bug, and what makes it show sooner."""

from __future__ import annotations

import time
from typing import Protocol


class Plant(Protocol):
    """What changes an attribute: pytest's monkeypatch."""

    def setattr(self, target: object, name: str, value: object) -> None: ...


def let_others_run() -> None:
    """Let other threads have a turn, as any of them may at any time."""
    time.sleep(0.002)

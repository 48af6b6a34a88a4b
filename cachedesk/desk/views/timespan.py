"""The timespan that the charts show: its length and its end."""

from __future__ import annotations

from dataclasses import dataclass, replace

WINDOWS = (15.0, 30.0, 60.0, 120.0, 300.0)
"""The lengths to choose from, in seconds."""

DEFAULT_SECONDS = 60.0
_STEPS_PER_WINDOW = 6
_HISTORY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Timespan:
    """A span of ``seconds`` that ends ``back_seconds`` before the newest tick."""

    seconds: float = DEFAULT_SECONDS
    back_seconds: float = 0.0

    def zoomed(self, step: int) -> Timespan:
        """Return a shorter (``step`` 1) or longer (-1) span with the same end; 0: the default."""
        if step == 0:
            return replace(self, seconds=DEFAULT_SECONDS)
        place = WINDOWS.index(self.seconds) - step
        return replace(self, seconds=WINDOWS[min(len(WINDOWS) - 1, max(0, place))])

    def moved(self, steps: int) -> Timespan:
        """Return the span that ends this many steps later, or earlier if ``steps`` is negative,
        within the recorded history."""
        back = self.back_seconds - steps * self.seconds / _STEPS_PER_WINDOW
        return replace(self, back_seconds=min(_HISTORY_SECONDS, max(0.0, back)))

    def at_the_newest(self) -> Timespan:
        """Return the span of the same length that ends at the newest tick."""
        return replace(self, back_seconds=0.0)


NOW = Timespan()
"""The last minute."""

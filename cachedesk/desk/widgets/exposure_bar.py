"""The exposure bar: where the newest writes are, and what a crash now would lose."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.views.exposure import (
    GLYPHS,
    WINDOW_SECONDS,
    Exposure,
    Location,
    at_stake,
    at_stake_briefly,
    at_stake_in_short,
    at_the_end,
    bar_text,
    exposure,
    gone_words,
)
from cachedesk.desk.views.headline import is_starting

_STYLES = {
    Location.DATABASE: "$text-success",
    Location.LOG: "$text-warning",
    Location.REDIS: "bold $text-error",
    Location.GONE: "bold reverse $text-error",
}
_LEAST_BAR = 12
_WINDOW = f"last {WINDOW_SECONDS:.0f} s "


class ExposureBar(Widget):
    """Draws the bar in one line with its sentence, or in a line of its own if there are two."""

    DEFAULT_CSS = """
    ExposureBar {
        height: 1;
        padding: 0 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        &.-exposed { background: $warning 20%; }
        &.-gone { background: $error 35%; }
    }
    """

    seen: reactive[Exposure | None] = reactive(None)
    """The exposure; ``None`` while the stack is starting."""
    ended: reactive[bool] = reactive(False)
    """Whether the stack has ended, so that nothing of it can die any more."""

    def show(self, snapshot: Snapshot, *, ended: bool = False) -> None:
        """Show the exposure of this snapshot, the last one if the stack has ended."""
        self.ended = ended
        self.seen = None if is_starting(snapshot) else exposure(snapshot)

    def watch_seen(self, seen: Exposure | None) -> None:
        """Mark the line while writes are exposed, and for good once some are gone."""
        self.set_class(seen is not None and bool(seen.redis or seen.volatile), "-exposed")
        self.set_class(seen is not None and seen.gone > 0, "-gone")

    def render(self) -> Content:
        """Return one or two lines, in the widest form that fits."""
        seen, width = self.seen, self.size.width
        if seen is None:
            return Content.styled("if Redis died now: …", "$foreground 75%")
        if self.size.height > 1:
            window = Content.styled(_WINDOW, "$foreground 75%")
            bar = Content("").join([window, _bar(seen, width - len(_WINDOW))])
            return Content("\n").join([bar, _sentences(seen, width, self._forms(seen))])
        forms = self._forms(seen)
        sentence = next((text for text in forms if len(text) + _LEAST_BAR < width), forms[-1])
        room = width - len(sentence) - 2
        if room < _LEAST_BAR:
            return _sentence(sentence, seen)
        return Content("  ").join([_bar(seen, room), _sentence(sentence, seen)])

    def _forms(self, seen: Exposure) -> tuple[str, ...]:
        forms: tuple[str, ...] = at_stake(seen), at_stake_in_short(seen), at_stake_briefly(seen)
        if self.ended:
            forms = (at_the_end(seen),)
        gone = gone_words(seen)
        if gone:
            return (*(f"✗ {gone} · {form}" for form in forms), f"✗ {gone}")
        return forms


def _sentences(seen: Exposure, width: int, forms: tuple[str, ...]) -> Content:
    """Return the sentence and, if it fits, what each glyph stands for."""
    sentence = next((text for text in forms if len(text) <= width), forms[-1])
    # Without counts, which the bar has: it must not come and go as the numbers grow.
    legend = [
        (f"{GLYPHS[place]} {place}", _STYLES[place] if count else "$foreground 75%")
        for place, count in seen.counts.items()
    ]
    length = sum(len(text) + 2 for text, _ in legend)
    said = _sentence(sentence, seen)
    if len(sentence) + length > width:
        return said
    gap = " " * (width - len(sentence) - length + 2)
    entries = Content("  ").join([Content.assemble(entry) for entry in legend])
    return Content("").join([said, Content(gap), entries])


def _sentence(text: str, seen: Exposure) -> Content:
    if seen.gone:
        style = "bold $text-error"
    else:
        style = "bold $text-warning" if seen.redis or seen.volatile else "$foreground"
    return Content.assemble((text, style))


def _bar(seen: Exposure, width: int) -> Content:
    runs = bar_text(seen, width)
    if not runs:
        return Content.styled("no writes yet".ljust(width), "$foreground 50%")
    return Content.assemble(*((text, _STYLES[place]) for place, text in runs))

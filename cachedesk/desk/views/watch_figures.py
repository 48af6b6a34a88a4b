"""The figures of a watched server over time, and its headline. Pure functions of a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cachedesk.core.wording import NOTHING, span
from cachedesk.desk.views.formats import number, uptime
from cachedesk.desk.views.headline import Headline, Tone
from cachedesk.desk.views.watch_rows import per_second
from cachedesk.watch.recent import Rates
from cachedesk.watch.sentences import memory_words, share
from cachedesk.watch.snapshot import WatchSnapshot

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One figure: its name, its value now, its values over time (``None``: none), and a note."""

    name: str
    value: str
    over_time: tuple[float | None, ...] = ()
    top: float | None = None
    note: str = ""


def figure_lines(snapshot: WatchSnapshot) -> tuple[FigureLine, ...]:
    """Return the figures to show, one a line."""
    history = snapshot.history
    last = history[-1] if history else None
    overall = NOTHING if snapshot.hit_rate is None else share(snapshot.hit_rate)
    figures = snapshot.figures
    return (
        FigureLine(
            "hit rate",
            NOTHING if last is None or last.hit_rate is None else share(last.hit_rate),
            tuple(one.hit_rate for one in history),
            1.0,
            f"{overall} in {span(snapshot.seconds)}",
        ),
        _over_time("commands", "commands", history),
        _over_time("evicted", "evicted", history),
        _over_time("expired", "expired", history),
        FigureLine(
            "memory",
            "" if figures is None else memory_words(snapshot),
            note="" if figures is None else f"{number(figures.keys)} keys",
        ),
    )


def _over_time(title: str, name: str, history: Sequence[Rates]) -> FigureLine:
    values = tuple(float(getattr(one, name)) for one in history)
    value = f"{per_second(values[-1])}/s" if values else NOTHING
    note = f"at most {per_second(max(values))}/s" if values else ""
    return FigureLine(title, value, values, None, note)


def sparkline(values: Sequence[float | None], width: int, top: float | None) -> str:
    """Return the newest values as bars, the last at the right; a gap where there is none.

    Args:
        values: the oldest first.
        width: cells.
        top: the value of a full bar; ``None``: the largest of those shown.
    """
    shown = list(values[-width:]) if width > 0 else []
    highest = top if top is not None else max((one for one in shown if one is not None), default=0)
    bars = "".join(
        " " if one is None else _bar(one / highest if highest > 0 else 0.0) for one in shown
    )
    return bars.rjust(max(0, width))


def _bar(part: float) -> str:
    return _BARS[min(len(_BARS) - 1, max(0, int(part * len(_BARS))))]


def watch_headline(snapshot: WatchSnapshot) -> Headline:
    """Return the sentence of the top line."""
    if snapshot.lost:
        return Headline(f"no answer for {snapshot.lost_seconds:.0f} s", Tone.BROKEN)
    if snapshot.paused:
        return Headline("paused: nothing is asked", Tone.WARNING)
    figures = snapshot.figures
    if figures is None:
        return Headline("connecting …", Tone.WARNING)
    last = snapshot.history[-1] if snapshot.history else None
    if last is None or last.hit_rate is None:
        return Headline("no read in the last second", Tone.IDLE)
    said = f"{share(last.hit_rate)} of {per_second(last.hits + last.misses)} reads/s hit"
    if last.evicted > 0:
        return Headline(f"{said}, {per_second(last.evicted)} keys/s evicted", Tone.WARNING)
    return Headline(said, Tone.WELL)


def watch_facts(snapshot: WatchSnapshot) -> tuple[str, ...]:
    """Return the facts at the right of the top line, the most important first."""
    figures = snapshot.figures
    recording = snapshot.recording
    facts = [
        "" if recording is None else f"● recording {number(recording.lines)} commands",
        "" if figures is None else f"{figures.product} {figures.version}",
        snapshot.address,
        "read only",
        "replica" if figures is not None and figures.role == "slave" else "",
        "" if figures is None else f"up {uptime(figures.uptime_seconds)}",
    ]
    return tuple(filter(None, facts))

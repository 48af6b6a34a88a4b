"""The headline of a pair: what one side lost and the other did not, the worst first."""

from __future__ import annotations

from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.views.closing_message import lost_writes
from cachedesk.desk.views.differences import Differences, Kind
from cachedesk.desk.views.exposure import exposure
from cachedesk.desk.views.formats import compact
from cachedesk.desk.views.headline import Headline, Tone, headline, is_starting
from cachedesk.lab.versus.pair import PairSnapshot
from cachedesk.lab.versus.side import SideView

STARTING = Headline("starting two stacks …", Tone.WARNING)


def pair_headline(pair: PairSnapshot, found: Differences) -> Headline:
    """Return one sentence on both sides."""
    views = (pair.left, pair.right)
    ended = [_named(view, pair) for view in views if view.ended]
    if len(ended) == 2:
        return Headline("both sides have ended", Tone.BROKEN)
    if ended:
        other = "right" if pair.left.ended else "left"
        return Headline(f"{ended[0]} has ended; {other} goes on", Tone.BROKEN)
    if not all(is_known(view) for view in views):
        return STARTING
    lost = [lost_writes(view.snapshot.books) for view in views if view.snapshot is not None]
    if any(lost):
        words = ", ".join(
            f"{name} lost {count_of(count, 'write')}" if count else f"{name} lost none"
            for name, count in zip(("left", "right"), lost, strict=True)
        )
        return Headline(words, Tone.BROKEN)
    if silent := [_named(view, pair) for view in views if view.silent]:
        return Headline(f"{' and '.join(silent)} does not answer", Tone.BROKEN)
    if count := found.count(Kind.READ):
        return Headline(f"{count_of(count, 'hot key')} read differently", Tone.BROKEN)
    exposed = [exposure(view.snapshot).redis for view in views if view.snapshot is not None]
    if any(exposed):
        words = ", ".join(
            f"{name} {compact(count)}"
            for name, count in zip(("left", "right"), exposed, strict=True)
        )
        return Headline(f"lost if Redis died now: {words}", Tone.WARNING)
    return Headline("both sides agree", Tone.WELL)


def side_headline(view: SideView) -> Headline:
    """Return one sentence on one side."""
    if view.ended:
        return Headline(view.ended, Tone.BROKEN)
    if view.snapshot is None:
        return Headline("starting …", Tone.WARNING)
    if view.silent:
        return Headline("no answer", Tone.BROKEN)
    if not view.open:
        return Headline("warming up …", Tone.WARNING)
    return headline(view.snapshot)


def is_known(view: SideView) -> bool:
    """Return whether a side has opened, and a snapshot of it came."""
    return view.open and view.snapshot is not None and not is_starting(view.snapshot)


def newest(pair: PairSnapshot) -> Snapshot | None:
    """Return the snapshot of a side that runs, the right one first; ``None`` if none does."""
    views = [view for view in (pair.right, pair.left) if is_known(view) and not view.ended]
    return views[0].snapshot if views else None


def _named(view: SideView, pair: PairSnapshot) -> str:
    return f"{'left' if view is pair.left else 'right'} ({view.title})"

"""The scene of a snapshot for a film: the words of the desk, as plain text."""

from __future__ import annotations

from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.views.components import ComponentView, Fact, state_mark
from cachedesk.desk.views.exposure import GLYPHS, at_stake, exposure, gone_words
from cachedesk.desk.views.flow_model import ARROWS, FlowModel, flow_model
from cachedesk.desk.views.headline import headline, verdict
from cachedesk.desk.views.key_rows import KeyRow, rows_of
from cachedesk.desk.views.key_state import KeyState
from cachedesk.reports.film.collecting import MOST_KEYS
from cachedesk.reports.film.scene import Arrow, KeyLine, Part, Place, Scene

_MOST_LETTERS, _MOST_LETTERS_OF_A_WORD = 48, 18
_BAD = {KeyState.STALE, KeyState.LOST, KeyState.DEAD_LETTER}
_QUIET = {
    KeyState.NOT_CACHED,
    KeyState.ABSENT,
    KeyState.ROW_UNKNOWN,
    KeyState.CACHE_UNKNOWN,
    KeyState.UNKNOWN,
    KeyState.COOLED,
}


def film_scene(snapshot: Snapshot, before: Snapshot | None) -> Scene:
    """Return what the desk says of ``snapshot``.

    Args:
        snapshot: of a recording, so its texts are not trusted.
        before: the snapshot before, by which a stale key is told from one being written.
    """
    snapshot = printable(snapshot)
    flow = flow_model(snapshot)
    said = headline(snapshot)
    books, seen = snapshot.books, exposure(snapshot)
    ids = " ".join(f"#{each}" for each in snapshot.unaccounted)
    rows = rows_of(snapshot.hot[:MOST_KEYS], None, before.hot if before else ())
    return Scene(
        sentence=said.sentence,
        tone=said.tone.value,
        books=(books.accepted, books.applied, books.pending, books.dead),
        verdict=f"{verdict(books)}: {ids}" if ids else verdict(books),
        balanced=books.balanced,
        places=tuple(Place(it.value, GLYPHS[it], count) for it, count in seen.counts.items()),
        at_stake=" · ".join(filter(None, (gone_words(seen), at_stake(seen)))),
        reads=flow.reads,
        writes=flow.writes,
        parts=tuple(map(_part, (flow.redis, flow.log, flow.worker, flow.database))),
        arrows=tuple(_arrow(flow, name) for name in ARROWS),
        keys=tuple(map(_key, rows)),
    )


def _part(view: ComponentView) -> Part:
    mark, tone = state_mark(view.health, view.word)
    facts = (*((view.note,) if view.note else ()), *map(_fact, view.facts))
    word = _cut(view.word, _MOST_LETTERS_OF_A_WORD)
    return Part(view.name, mark, tone.value, word, _fact(view.lead), view.fill, facts[:3])


def _fact(fact: Fact) -> str:
    return f"{fact.label} {fact.value}".strip()


def _arrow(flow: FlowModel, name: str) -> Arrow:
    arrow = getattr(flow, name)
    armed = "".join(f" ⚑ {point}" for point in arrow.armed)
    return Arrow(name, f"{arrow.label}{armed}", arrow.state.value)


def _key(row: KeyRow) -> KeyLine:
    key, policy, redis, pending, sqlite, _, state = map(_cut, row.cells)
    return KeyLine(key, policy, redis, pending, sqlite, state, _tone(row.state))


def _cut(text: str, most: int = _MOST_LETTERS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _tone(state: KeyState) -> str:
    if state in _BAD:
        return "broken"
    if state is KeyState.FRESH:
        return "well"
    return "idle" if state in _QUIET else "warning"

"""The table of the bench, for a terminal, a report, the README and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cachedesk.lab.bench.bench import BARE, Bench
from cachedesk.lab.bench.rivals import LIMIT, OURS, Row

NOTHING = "\N{EN DASH}"
_REACHED = {True: "✓", False: "✗", None: " "}


def others(rows: Sequence[Row]) -> list[str]:
    """Return the names of the other rivals, the bare socket first."""
    names = dict.fromkeys(result.name for row in rows for result in row.results)
    return [name for name in names if name not in (OURS, LIMIT)]


def cells(rows: Sequence[Row]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the titles and the rows."""
    beside = others(rows)
    titles = ("work", "ours, per second", "ours / limit", "in one round", "aim")
    named = tuple(f"ours / {name}" for name in beside)
    return (*titles, *named), [
        (
            row.work.title,
            _speed(row),
            f"{_ratio(row.times(LIMIT))} {_REACHED[row.reached]}".strip(),
            _spread(row),
            f"≥ {row.work.aim:.2f}",
            *(_ratio(row.times(name)) for name in beside),
        )
        for row in rows
    ]


def lines(found: Bench) -> Iterator[str]:
    """Yield the table as text, and the notes."""
    titles, rows = cells(found.rows)
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        yield "  ".join(
            text.rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
    yield ""
    yield from notes(found)


def notes(found: Bench) -> Iterator[str]:
    """Yield notes: the meaning of the figures, missing peers, and the aims that were missed."""
    effort = found.effort
    yield (
        f"Ratios of medians of {effort.rounds} rounds ({effort.long_rounds} for long workloads),"
        " interleaved: 2.00 is twice as fast. Every rival makes every write durable (fsync) before"
        " it acknowledges it."
    )
    yield (
        f"The limit is redis-py, one queue file and one database file called directly; {BARE!r} the"
        " same without redis-py. Neither keeps a promise."
    )
    if found.absent:
        names = " and ".join(found.absent)
        yield f"Not installed, so not measured: {names} (pip install 'cachedesk[bench]')."
    missed = [row.work.title for row in found.rows if row.reached is False]
    if missed:
        yield f"Aims missed: {'; '.join(missed)}."
    else:
        yield "Every aim was reached."


def as_json(found: Bench, machine: Mapping[str, str]) -> dict[str, object]:
    """Return the JSON object that ``bench --json`` prints."""
    return {
        "machine": machine,
        "rounds": found.effort.rounds,
        "long_rounds": found.effort.long_rounds,
        "not_installed": list(found.absent),
        "rows": [
            {
                "work": row.work.name,
                "title": row.work.title,
                "unit": row.work.unit,
                "limit": row.work.limit,
                "aim": row.work.aim,
                "ours_over_limit": row.times(LIMIT),
                "in_one_round": row.spread(LIMIT),
                "reached": row.reached,
                "ours_over": {name: row.times(name) for name in others([row])},
                "seconds": {result.name: list(result.seconds) for result in row.results},
            }
            for row in found.rows
        ],
    }


def _speed(row: Row) -> str:
    ours = row.of(OURS)
    return f"{1 / ours.median:,.0f}" if ours else NOTHING


def _ratio(times: float | None) -> str:
    if times is None:
        return NOTHING
    return f"{times:,.0f}" if times >= 99.5 else f"{times:.{1 if times >= 9.95 else 2}f}"


def _spread(row: Row) -> str:
    found = row.spread(LIMIT)
    return f"{_ratio(found[0])} to {_ratio(found[1])}" if found else NOTHING

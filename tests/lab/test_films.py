"""Films: a recording as one page. What the page holds is what was recorded, and no text of the
recording can leave its place."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.snapshot import (
    Event,
    EventKind,
    Health,
    HotKey,
    Mark,
    RedisState,
    Snapshot,
    WorkerState,
)
from cachedesk.core.wording import TIMES
from cachedesk.desk.views.film_scene import film_scene
from cachedesk.desk.views.flow_model import ARROWS
from cachedesk.desk.views.headline import headline
from cachedesk.recording.recording_file import RecordingFile
from cachedesk.reports import film as film_package
from cachedesk.reports.file import ReportError
from cachedesk.reports.film.collecting import FORMAT, MOST_FRAMES, MOST_TICKS, film_data
from cachedesk.reports.film.columns import counts, words
from cachedesk.reports.film.page import film_page, script_json, write_film

from .recorded import BEGAN_AT, history, record

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.rec"))
SCRIPTS = {path.name: path.read_text() for path in Path(film_package.__path__[0]).glob("*.js")}
MOST_BYTES_OF_A_FRAME = 1_600
"""So a recording of ten minutes stays under 2 MB."""

EVIL = (
    "</script><script>stolen = 1</script>",
    "<!--<script>",
    "\"'`&<img src=x onerror=stolen=1>",
    "\x1b[2J\x00\x07\x9b",
    "\u202eevil\u2066\u200f",
    "\u2028\u2029",
    "]]>{{ 7 * 7 }}",
    "שלום",
)


def spread(column: dict[str, Any], frames: int) -> list[Any]:
    """Return the value of a column of words at each frame, as the page's script does."""
    found, starts = column["runs"][1::2], summed(column["runs"][::2])
    ends = [*starts[1:], frames]
    return [
        column["words"][word]
        for word, start, end in zip(found, starts, ends, strict=True)
        for _ in range(start, end)
    ]


def summed(differences: list[int]) -> list[int]:
    """Return the values of a column of differences."""
    return [sum(differences[: place + 1]) for place in range(len(differences))]


class Page(HTMLParser):
    """The elements of a page, as a browser would find them, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.content: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag in self.content else ""
        if self._inside:
            self.content[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.content[self._inside][-1] += data

    @property
    def data(self) -> Any:
        """The film's data."""
        return json.loads(self.content["script"][1])


def filmed(path: Path) -> tuple[dict[str, Any], Page]:
    """Return the data of the film of a recording, as read from its page, and the page."""
    with RecordingFile(path) as recording:
        page = Page(film_page(film_data(recording, film_scene)))
    return page.data, page


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_film_shows_what_was_recorded_at_each_frame(path: Path) -> None:
    data, _ = filmed(path)
    with RecordingFile(path) as recording:
        snapshots = list(recording.snapshots())
        at = [round(1000 * recording.seconds(number)) for number in range(len(recording))]
    frames = len(snapshots)
    assert summed(data["at"]) == at
    for place, name in enumerate(("accepted", "applied", "pending", "dead")):
        column = summed(data["books"][place])
        assert column == [getattr(each.books, name) for each in snapshots]
    said = [each[0] for each in spread(data["sentence"], frames)]
    assert said == [headline(each).sentence for each in snapshots]
    names = [place["name"] for place in data["places"]]
    assert names == ["database", "log", "Redis only", "gone"]
    logged = summed(data["places"][1]["count"])
    assert logged == [each.books.pending for each in snapshots]
    assert not any(summed(data["places"][3]["count"]))
    for each, stake in zip(snapshots, spread(data["at_stake"], frames), strict=True):
        assert (f"({each.books.pending:,} in the log)" in stake) is (each.books.pending > 0)
    assert all(balanced for _, balanced in spread(data["verdict"], frames))
    states = [word for _, _, word in spread(data["parts"]["Redis"]["state"], frames)]
    assert states == [each.redis.word for each in snapshots]
    assert data["workload"] == "workload article, seed 7"


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_film_lists_the_keys_with_their_values(path: Path) -> None:
    data, _ = filmed(path)
    with RecordingFile(path) as recording:
        snapshots = list(recording.snapshots())
    names, rows = data["keys"]["names"], data["keys"]["rows"]
    checked = 0
    for place, column in enumerate(rows):
        for row, snapshot in zip(spread(column, len(snapshots)), snapshots, strict=True):
            if not row:
                assert len(snapshot.hot) <= place
                continue
            hot, (key, redis, _, sqlite, _) = snapshot.hot[place], row
            assert names[key] == [hot.key.decode(), hot.policy]
            if hot.cached is not None and hot.cached_known:
                assert str(redis) == hot.cached.decode()
            if hot.row is not None and hot.row_known:
                assert str(redis if sqlite is None else sqlite) == hot.row.decode()
            checked += 1
    assert checked > len(snapshots)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_film_has_every_tick_fault_and_event_once(path: Path) -> None:
    data, _ = filmed(path)
    with RecordingFile(path) as recording:
        snapshots = list(recording.snapshots())
        began_at = recording.header.started_at
    ticks = {tick.at: tick for each in snapshots[1:] for tick in each.ticks}
    before = {tick.at for tick in snapshots[0].ticks}
    kept = [tick for at, tick in sorted(ticks.items()) if at not in before]
    assert summed(data["ticks"]["hits"]) == [tick.hits for tick in kept]
    assert summed(data["ticks"]["depth"]) == [tick.depth for tick in kept]
    assert summed(data["ticks"]["at"]) == [round(1000 * (tick.at - began_at)) for tick in kept]
    assert [name for name, _, _ in data["faults"]] == ["redis.kill"]
    texts = [said[-1][1] for _, _, said in data["events"]]
    assert len(texts) == len(set(texts))
    assert {event.full_text for event in snapshots[-1].events} <= set(texts)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_film_of_ten_minutes_is_small(path: Path) -> None:
    data, _ = filmed(path)
    assert len(script_json(data)) / len(data["at"]) < MOST_BYTES_OF_A_FRAME


def test_a_page_needs_nothing_else_and_allows_nothing_else() -> None:
    _, page = filmed(RECORDINGS[0])
    tags = [tag for tag, _ in page.elements]
    assert not {"img", "iframe", "object", "embed", "use", "base", "form"} & set(tags)
    for _, attributes in page.elements:
        assert attributes.get("href", "data:,") == "data:,"
        assert "src" not in attributes
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
    early, _, script = page.content["script"]
    (style,) = page.content["style"]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(it["content"] for _, it in page.elements if "http-equiv" in it)
    allowed = dict(part.split(" ", 1) for part in str(policy).split("; "))
    assert allowed.pop("default-src") == allowed.pop("base-uri") == "'none'"
    assert allowed.pop("form-action") == "'none'"
    assert allowed.pop("img-src") == "data:"
    assert allowed.pop("script-src") == f"{hashed(early)} {hashed(script)}"
    assert allowed.pop("style-src") == hashed(style)
    assert not allowed


def hashed(text: str) -> str:
    """Return the source of a policy that allows exactly this text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def evil() -> Iterator[Snapshot]:
    """Yield snapshots whose every text was written by an enemy."""
    hot = tuple(
        HotKey(it.encode(), it, 5, it.encode(), row=b"\xff\xfe" + it.encode()) for it in EVIL
    )
    events = tuple(
        Event(BEGAN_AT + place, kind, it)
        for place, it in enumerate(EVIL)
        for kind in (EventKind.FAULT, EventKind.INFO)
    )
    for snapshot in history(12):
        yield replace(
            snapshot,
            hot=hot,
            events=events,
            marks=tuple(Mark(it, BEGAN_AT + place) for place, it in enumerate(EVIL)),
            armed=EVIL,
            workload=EVIL[0],
            redis=RedisState(Health.UP, EVIL[0]),
            worker=WorkerState(Health.DOWN, EVIL[1], last_error=EVIL[2]),
        )


def test_no_text_of_a_recording_leaves_its_place(tmp_path: Path) -> None:
    data, page = filmed(record(tmp_path / '"><script>x', evil()))
    _, usual = filmed(RECORDINGS[0])
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in usual.elements]
    assert len(page.content["script"]) == 3
    text = page.content["script"][1]
    assert not set("<>&\u2028\u2029") & set(text)
    assert all(each.isprintable() for each in texts_of(data))
    # It is shown all the same, as text.
    assert [EVIL[0], EVIL[0]] in data["keys"]["names"]
    assert EVIL[2] in [said[0][1] for _, _, said in data["events"]]
    assert "<script>x" in page.content["title"][0]


def texts_of(value: object) -> Iterator[str]:
    """Yield every text in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from (name, *texts_of(part))
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)


def test_a_long_recording_makes_a_bounded_film(tmp_path: Path) -> None:
    records = 2 * MOST_FRAMES + 2
    data, _ = filmed(record(tmp_path / "long", history(records)))
    at = summed(data["at"])
    assert data["every"] == 3
    assert len(at) <= MOST_FRAMES
    assert at[-1] == 500 * (records - 1)
    assert summed(data["books"][0])[-1] == 10 * (records - 1)
    assert len(data["ticks"]["at"]) <= MOST_TICKS
    assert summed(data["ticks"]["at"])[-1] == at[-1]
    # What is left out of the frames is in the charts and in the list.
    assert len(data["faults"]) == len(range(10, records, 40))
    assert data["events"][-1][2][0][1] == f"event {(records - 1) // 3 * 3}"


def test_an_event_says_at_each_time_what_it_said_then(tmp_path: Path) -> None:
    first = Event(BEGAN_AT, EventKind.ERROR, "slow", topic="slow")
    again = replace(first, at=BEGAN_AT + 2, times=3, first_at=BEGAN_AT)
    snapshots = [
        replace(each, events=(first if number < 4 else again,))
        for number, each in enumerate(history(8))
    ]
    data, _ = filmed(record(tmp_path / "r", snapshots))
    assert data["events"] == [[0, "error", [[0, "slow"], [2000, f"{TIMES}3 in 2 s: slow"]]]]


def test_the_script_reads_this_format_and_draws_every_arrow() -> None:
    assert f"film.format !== {FORMAT}" in SCRIPTS["data.js"]
    drawn = re.findall(r"^      (\w+): \{ line:", SCRIPTS["flow.js"], re.MULTILINE)
    # The calls go to the app's own box.
    missing = set(ARROWS) - {"calls"} - set(drawn)
    assert not missing, "add these paths to both forms in flow.js"
    assert all(drawn.count(name) == 2 for name in drawn)


def test_the_script_finds_every_element_that_it_names() -> None:
    _, page = filmed(RECORDINGS[0])
    there = {attributes.get("id") for _, attributes in page.elements}
    for name, text in SCRIPTS.items():
        named = set(re.findall(r'(?:byId|getElementById)\("(\w+)"\)', text))
        named |= set(re.findall(r'querySelector\("#(\w+)', text))
        assert named <= there, name
        assert "</" not in text, name
        assert "innerHTML" not in text, name


def test_a_film_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "film.html"
    with RecordingFile(RECORDINGS[0]) as recording:
        data = film_data(recording, film_scene)

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(ReportError, match=r"film\.html cannot be written: No space left"):
            write_film(path, data)
    assert list(tmp_path.iterdir()) == []
    assert write_film(path, data) == path.stat().st_size
    kept = path.read_bytes()
    with pytest.raises(ReportError, match="already exists"):
        write_film(path, data)
    assert [path] == list(tmp_path.iterdir())
    assert path.read_bytes() == kept


@given(
    st.lists(
        st.one_of(st.text(max_size=2), st.tuples(st.integers(0, 2), st.booleans())), min_size=1
    )
)
def test_a_column_of_words_says_what_was_put_in(values: list[Any]) -> None:
    assert spread(words(values), len(values)) == values


@given(st.lists(st.integers()))
def test_a_column_of_counts_says_what_was_put_in(values: list[int]) -> None:
    assert summed(counts(values)) == values

"""Recordings of every format open for ever, and a snapshot's shape cannot move unnoticed.

The recordings were made by the commits that wrote their format (see ``recordings/README.md``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cachedesk.core.safeguards import ALL_ON
from cachedesk.core.snapshot import Event, Health, Snapshot
from cachedesk.recording.delta import Packer, changed, changes
from cachedesk.recording.frames import FORMAT, RecordingError
from cachedesk.recording.recording_file import RecordingFile
from cachedesk.recording.strict import shape, strict
from cachedesk.recording.upgrades import OLDEST

FOLDER = Path(__file__).parent / "recordings"
GOLDEN = sorted(FOLDER.glob("format-*.rec"))
SHAPE = FOLDER / f"shape-{FORMAT}.txt"


@dataclass(frozen=True, slots=True)
class Inner:
    """A part with a default, which a tolerant reader would take for what is missing."""

    number: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outer:
    """A value with parts, as a snapshot is."""

    inner: Inner | None = None
    many: tuple[Inner, ...] = ()


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Return where ``found`` lacks or changes something of ``expected``; it may have more."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [place]
        return [
            it
            for name, value in expected.items()
            for it in differences(value, found.get(name, "nothing"), f"{place}.{name}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            it
            for number, (one, other) in enumerate(zip(expected, found, strict=True))
            for it in differences(one, other, f"{place}[{number}]")
        ]
    return [] if expected == found else [f"{place}: {expected!r} became {found!r}"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_recording_of_an_old_commit_plays_as_that_commit_played_it(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    with RecordingFile(path) as tape:
        shots = list(tape.snapshots())
        assert tape.format == int(path.stem.split("-")[1])
        assert (len(tape), tape.length_seconds) == (expected["records"], expected["seconds"])
    assert [shot.books.accepted for shot in shots] == expected["accepted"]
    assert all(shot.books.balanced for shot in shots)
    last = json.loads(msgspec.json.encode(shots[-1]))
    assert differences(expected["last"], last) == []
    assert any("redis" in mark.name for mark in shots[-1].marks)


def test_what_an_old_recording_could_not_know_is_what_was_true_then() -> None:
    with RecordingFile(FOLDER / "format-1-6d1a669.rec") as tape:
        shots = list(tape.snapshots())
    last = shots[-1]
    assert all(shot.safeguards == ALL_ON for shot in shots)
    assert last.reads.loads == last.reads.overlay + last.reads.database > 0
    assert last.hot
    assert {key.unlogged for key in last.hot} == {0}
    assert {(event.times, event.first_at) for event in last.events} == {(1, None)}
    assert all(isinstance(event, Event) for event in last.events)
    assert last.redis.health is Health.UP


BEFORE_CODES = [path for path in GOLDEN if int(path.stem.split("-")[1]) < 3]


@pytest.mark.parametrize("path", BEFORE_CODES, ids=lambda path: path.stem)
def test_events_of_a_recording_from_before_codes_have_none(path: Path) -> None:
    with RecordingFile(path) as tape:
        last = list(tape.snapshots())[-1]
    assert last.observed
    assert last.events
    assert {event.code for event in last.events} == {""}


def test_there_is_a_recording_of_every_format_before_this_one() -> None:
    assert {int(path.stem.split("-")[1]) for path in GOLDEN} >= set(range(OLDEST, FORMAT))


def test_a_format_of_the_past_is_read_by_its_own_rules(tmp_path: Path) -> None:
    """The same bytes labelled with the current format are an error, not a snapshot of zeros."""
    old = (FOLDER / "format-1-6d1a669.rec").read_bytes()
    path = tmp_path / "today.rec"
    path.write_bytes(old.replace(b"recording 001", b"recording %03d" % FORMAT, 1))
    with pytest.raises(RecordingError, match=r"damaged at byte .*field"):
        RecordingFile(path)


@pytest.mark.parametrize("number", [0, FORMAT + 1, 999])
def test_a_format_that_is_not_known_is_refused_in_one_line(tmp_path: Path, number: int) -> None:
    path = tmp_path / "r.rec"
    path.write_bytes(b"cachedesk recording %03d\n" % number + bytes(80))
    with pytest.raises(RecordingError) as caught:
        RecordingFile(path)
    said = str(caught.value)
    assert said.startswith(
        f"{path} is a recording of format {number}, this cachedesk reads formats"
    )
    assert "\n" not in said


def test_the_shape_of_a_snapshot_moves_only_with_the_format() -> None:
    assert shape(Snapshot) == SHAPE.read_text(), f"see {FOLDER}/README.md"


def test_a_shape_tells_each_change() -> None:
    described = shape(Outer)
    assert described.splitlines() == [
        "inner.number: int",
        "inner.names: tuple[str, ...]",
        "many[].number: int",
        "many[].names: tuple[str, ...]",
    ]


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        ({"inner": None, "many": []}, True),
        ({"inner": {"number": 1, "names": ["a"]}, "many": [{"number": 2, "names": []}]}, True),
        ({"inner": {"number": 1}, "many": []}, False),
        ({"inner": None}, False),
        ({"inner": None, "many": [{"number": 2, "names": [], "more": 1}]}, False),
    ],
)
def test_a_strict_type_takes_nothing_for_granted(told: object, fits: bool) -> None:
    data = msgspec.json.encode(told)
    if fits:
        value = msgspec.json.decode(data, type=strict(Outer))
        assert msgspec.convert(value, Outer, from_attributes=True) == msgspec.convert(told, Outer)
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(data, type=strict(Outer))


def test_a_change_keeps_what_it_does_not_tell() -> None:
    """A change of format 1 must not overwrite an earlier value with a default."""
    before = Snapshot(1.0, safeguards=ALL_ON.switched("log", on=False))
    told = changes(before, Snapshot(2.0, safeguards=before.safeguards))
    assert changed(before, told, OLDEST).safeguards == before.safeguards
    assert Packer().pack(before)[1]


if __name__ == "__main__":
    SHAPE.write_text(shape(Snapshot))

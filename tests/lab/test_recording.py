"""Recordings: replay shows what was recorded, and damage is reported in one line."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachedesk.core.snapshot import EventKind, Snapshot
from cachedesk.recording.delta import Packer, changed, changes, patch
from cachedesk.recording.frames import MAGIC, Kind, RecordingError, frame_bytes
from cachedesk.recording.recorder import Recorder, check_free
from cachedesk.recording.recording_file import RecordingFile
from cachedesk.recording.summary import summary
from tests.engine.until import until

from .recorded import BEGAN_AT, header_frame, history, record, record_frames

st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(int, st.integers(-(2**63), 2**64 - 1))
_SNAPSHOTS = st.builds(
    Snapshot, **{name: st.from_type(hint) for name, hint in get_type_hints(Snapshot).items()}
)


def played(path: Path) -> list[Snapshot]:
    """Return every snapshot of a recording, from the first."""
    with RecordingFile(path) as tape:
        return list(tape.snapshots())


@given(
    before=st.lists(st.integers(0, 3), max_size=8), after=st.lists(st.integers(0, 3), max_size=8)
)
def test_a_patch_makes_the_one_list_the_other(before: list[int], after: list[int]) -> None:
    change = patch(tuple(before), tuple(after))
    assert change.applied_to(tuple(before)) == tuple(after)


def test_a_ring_that_moves_on_costs_what_is_new() -> None:
    change = patch(tuple(range(600)), tuple(range(2, 602)))
    assert (change.dropped, change.added) == (2, (600, 601))


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(before=_SNAPSHOTS, after=_SNAPSHOTS)
def test_any_snapshot_follows_from_any_other(before: Snapshot, after: Snapshot) -> None:
    known = changed(None, changes(None, before))
    assert known == before
    assert changed(known, changes(before, after)) == after


def test_what_was_recorded_is_what_is_played_at_each_place(tmp_path: Path) -> None:
    wanted = list(history(800))
    assert len(wanted[-1].ticks) == 600
    assert len(wanted[-1].events) == 200
    with RecordingFile(record(tmp_path / "r", wanted)) as tape:
        assert len(tape) == 800
        assert all(tape.at(number) == snapshot for number, snapshot in enumerate(wanted))
        anywhere = random.Random(1).choices(range(800), k=60)
        for number in [*anywhere, 799, 0, 60, 59, 61, 60, 60, 799, 798]:
            assert tape.at(number) == wanted[number], number
        assert tape.length_seconds == 399.5
        assert [tape.record_at(at) for at in (0, 0.49, 0.5, 7.6, 1e9)] == [0, 0, 1, 15, 799]
        assert tape.header.started_at == BEGAN_AT


def test_an_hour_opens_at_once_and_is_small(tmp_path: Path) -> None:
    # Copies of one minute would do for the time, but not for the size.
    path = record(tmp_path / "r", history(7200))
    assert path.stat().st_size < 7200 * 1000
    with RecordingFile(path) as tape:
        assert len(tape) == 7200
        assert tape.at(7199).at == BEGAN_AT + 3599.5


def test_a_crash_at_any_byte_leaves_what_was_whole(tmp_path: Path) -> None:
    wanted = list(history(6))
    frames = record_frames(wanted)
    whole = header_frame() + b"".join(frames)
    ends = [len(header_frame()) + sum(map(len, frames[:count])) for count in range(7)]
    path = tmp_path / "r"
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        records = sum(end <= size for end in ends) - 1
        if records < 1:
            with pytest.raises(RecordingError, match="holds no snapshot"):
                RecordingFile(path)
        else:
            assert played(path) == wanted[:records], size
    # What a power cut leaves: room that was taken and never written.
    path.write_bytes(whole[: ends[4]] + bytes(5000))
    assert played(path) == wanted[:4]


def test_damage_at_any_byte_is_one_clear_error_that_says_where(tmp_path: Path) -> None:
    whole = header_frame() + b"".join(record_frames(history(3)))
    path = tmp_path / "r"
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 0x10
        path.write_bytes(broken)
        with pytest.raises(RecordingError) as caught:
            played(path)
        said = str(caught.value)
        assert str(path) in said
        if place >= len(MAGIC):
            at_byte = int(said.partition("byte ")[2].partition(" ")[0].replace(",", ""))
            assert at_byte <= place
        else:
            assert "not a recording" in said or "reads formats" in said


def _frames(*bodies: tuple[Kind, float, bytes]) -> bytes:
    return b"".join(frame_bytes(*body) for body in bodies)


def _packed(told: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(told) + stream.flush(zlib.Z_SYNC_FLUSH)


def _told(**values: object) -> bytes:
    return _packed(msgspec.msgpack.encode(values))


def _all_told(**values: object) -> bytes:
    """Return a whole record in which some fields are other than right."""
    return _told(**msgspec.msgpack.decode(changes(None, next(history(1)))) | values)


_HEADER_JSON = b'{"cachedesk": "1", "started_at": 0.0, "tick_seconds": 0.5}'
_WHOLE = (Kind.WHOLE, 0.0, Packer().pack(next(history(1)))[1])
_HOSTILE = {
    "noise": (random.Random(1).randbytes(5000), "not a recording"),
    "text": (b"op,key,value\n" * 50, "not a recording"),
    "a line": (b"cachedesk recording\n", "not a recording"),
    "a newer format": (b"cachedesk recording 007\n" + bytes(99), "format 7, this"),
    "no digits": (b"cachedesk recording \xb2\xb2\xb2\n", "not a recording"),
    "noise behind the name": (MAGIC + random.Random(2).randbytes(5000), "damaged at byte 24 "),
    "no header": (MAGIC + _frames(_WHOLE), "header"),
    "two headers": (header_frame() + _frames((Kind.HEADER, 0.0, _HEADER_JSON)), "header"),
    "a header of nothing": (MAGIC + _frames((Kind.HEADER, 0.0, b"{}"), _WHOLE), "started_at|field"),
    "a header of noise": (MAGIC + _frames((Kind.HEADER, 0.0, b"\xff{"), _WHOLE), "damaged"),
    "a change of nothing": (
        header_frame() + _frames((Kind.CHANGE, 0.0, _told(at=1.0))),
        "changes a snapshot that does not exist",
    ),
    "time goes back": (
        header_frame() + _frames(_WHOLE, (Kind.WHOLE, 0.0, _WHOLE[2])),
        "before the previous",
    ),
    "no time": (header_frame() + _frames((Kind.WHOLE, float("nan"), _WHOLE[2])), "not a valid"),
    "endless": (header_frame() + _frames((Kind.WHOLE, float("inf"), _WHOLE[2])), "not a valid"),
    "not compressed": (header_frame() + _frames((Kind.WHOLE, 0.0, b"\xff\xff\xff")), "damaged"),
    "a bomb": (header_frame() + _frames((Kind.WHOLE, 0.0, _packed(bytes(20 << 20)))), "more than"),
    "no msgpack": (header_frame() + _frames((Kind.WHOLE, 0.0, _packed(b"\xc1"))), "damaged"),
    "deep": (header_frame() + _frames((Kind.WHOLE, 0.0, _packed(b"\x91" * 99_999))), "damaged"),
    "wrong types": (header_frame() + _frames((Kind.WHOLE, 0.0, _all_told(at="noon"))), "float"),
    "a whole without its time": (
        header_frame() + _frames((Kind.WHOLE, 0.0, _told(uptime_seconds=1.0))),
        "the field at is missing",
    ),
    "a patch beyond the end": (
        header_frame() + _frames((Kind.WHOLE, 0.0, _all_told(at=1.0, ticks=(5, 0, 0, ())))),
        "does not fit",
    ),
    "a patch before the start": (
        header_frame() + _frames((Kind.WHOLE, 0.0, _all_told(at=1.0, ticks=(-5, 0, 0, ())))),
        "does not fit",
    ),
    "too many": (
        header_frame()
        + _frames((Kind.WHOLE, 0.0, _all_told(at=1.0, faults=(0, 0, 0, ["x"] * 10_001)))),
        "more than 10,000 items",
    ),
    "a kind of event that is none": (
        header_frame()
        + _frames((Kind.WHOLE, 0.0, _all_told(at=1.0, events=(0, 0, 0, [{"at": 1, "kind": "x"}])))),
        "damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_file_gets_one_clear_error(tmp_path: Path, name: str) -> None:
    content, says = _HOSTILE[name]
    path = tmp_path / "r"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=says) as caught:
        RecordingFile(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_huge_length_takes_no_memory_and_is_damage(tmp_path: Path) -> None:
    head = struct.pack(">cIdI", b"D", 2**32 - 1, 1.0, 0)
    head += struct.pack(">I", zlib.crc32(head))
    path = tmp_path / "r"
    path.write_bytes(header_frame() + _frames(_WHOLE) + head + bytes(100))
    with pytest.raises(RecordingError, match="damaged at byte"):
        RecordingFile(path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from([field.name for field in fields(Snapshot)]), inner
    ),
))  # fmt: skip
def test_a_record_of_anything_gives_a_snapshot_or_one_clear_error(
    tmp_path: Path, told: object
) -> None:
    path = tmp_path / "r"
    body = _packed(msgspec.msgpack.encode(told))
    path.write_bytes(header_frame() + _frames((Kind.WHOLE, 0.0, body)))
    with suppress(RecordingError):
        assert isinstance(played(path)[0], Snapshot)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda told: told.update(mood="sunny"), "unknown field `mood`"),
        (lambda told: told["redis"].update(colour="red"), "unknown field `colour`"),
        (lambda told: told["redis"].pop("keys"), "missing required field `keys`"),
        (lambda told: told["hot"][3][0].pop("truth"), "missing required field `truth`"),
        (lambda told: told.pop("books"), "the field books is missing"),
        (lambda told: told.update(stock=told.pop("books")), "unknown field `stock`"),
    ],
)
def test_a_field_that_is_unknown_or_missing_is_an_error(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], object], says: str
) -> None:
    told = msgspec.msgpack.decode(changes(None, next(history(1))))
    spoil(told)
    path = tmp_path / "r"
    body = _packed(msgspec.msgpack.encode(told))
    path.write_bytes(header_frame() + _frames((Kind.WHOLE, 0.0, body)))
    with pytest.raises(RecordingError, match=says):
        played(path)


def test_what_is_no_file_is_one_clear_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nothing").touch()
    for name, says in (
        ("absent", "cannot be opened: No such file"),
        (".", "is not a regular file"),
        ("pipe", "is not a regular file"),
        ("nothing", "holds no snapshot"),
        ("n" * 300, "cannot be opened: File name too long"),
        ("a\0b", "cannot be opened: embedded null byte"),
    ):
        with pytest.raises(RecordingError, match=says):
            RecordingFile(tmp_path / name)


def test_a_tape_that_is_cut_off_while_it_plays_says_so(tmp_path: Path) -> None:
    with RecordingFile(record(tmp_path / "r", history(100))) as tape:
        os.truncate(tape.path, 2000)
        with pytest.raises(RecordingError, match="was truncated while"):
            tape.at(99)
    with pytest.raises(RecordingError, match="cannot be read to its end"):
        tape.at(50)


class Listed:
    """Gives one snapshot after the other, and the last one for ever."""

    def __init__(self, snapshots: Iterable[Snapshot]) -> None:
        self._coming = iter(snapshots)
        self.given: list[Snapshot] = []

    def __call__(self) -> Snapshot:
        self.given.append(next(self._coming, None) or self.given[-1])
        return self.given[-1]


def test_a_recorder_writes_what_its_source_says_until_it_is_stopped(tmp_path: Path) -> None:
    source, trouble = Listed(history(70)), list[str]()
    recorder = Recorder(tmp_path / "r", source, trouble.append, every_seconds=0.002)
    assert (tmp_path / "r").stat().st_size > 0
    until(lambda: len(source.given) >= 70)
    recorder.stop()
    recorder.stop()
    assert recorder.ended
    assert played(tmp_path / "r") == source.given
    done = recorder.recorded()
    assert (done.records, done.trouble, trouble) == (len(source.given), "", [])
    assert done.bytes == (tmp_path / "r").stat().st_size
    assert 0 < done.seconds < 10


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("precious")
    os.mkfifo(tmp_path / "pipe")
    for name, says in (
        ("taken", "already exists"),
        (".", "is not a regular file|Is a directory"),
        ("pipe", "is not a regular file|No such device"),
        ("no/such/r", "does not exist|No such file"),
        ("n" * 300, "File name too long"),
    ):
        with pytest.raises(RecordingError, match=says):
            check_free(tmp_path / name)
        with pytest.raises(RecordingError, match=says):
            Recorder(tmp_path / name, lambda: Snapshot(at=1.0), print)
    assert taken.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "taken"]


def test_an_empty_file_is_taken_but_by_one_recorder_alone(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.touch()
    check_free(path)
    recorder = Recorder(path, Listed(history(3)), print)
    try:
        with pytest.raises(RecordingError, match="another process is recording"):
            Recorder(path, Listed(history(3)), print)
    finally:
        recorder.stop()
    assert len(played(path)) == 2


def test_a_source_that_breaks_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    trouble: list[str] = []
    snapshots = [*history(5), replace(Snapshot(at=1.0), workload="\udcff")]
    source = Listed(snapshots)
    recorder = Recorder(tmp_path / "r", source, trouble.append, every_seconds=0.001)
    until(lambda: trouble)
    assert recorder.ended
    assert "UnicodeEncodeError" in trouble[0]
    recorder.stop()
    assert played(tmp_path / "r") == snapshots[:5]


_FULL_DISK = """
import os, resource, signal, sys
from pathlib import Path
from cachedesk.core.snapshot import Snapshot
from cachedesk.recording.recorder import Recorder
from tests.engine.until import until
from tests.lab.recorded import history
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
source, trouble = history(10_000), []
recorder = Recorder(Path(sys.argv[1]), lambda: next(source), trouble.append, every_seconds=0.0005)
until(lambda: trouble)
recorder.stop()
print(trouble[0], recorder.recorded().records)
"""


def test_a_file_that_can_grow_no_more_ends_the_recording_and_what_it_has_is_readable(
    tmp_path: Path,
) -> None:
    path = tmp_path / "r"
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, path], capture_output=True, text=True)
    assert done.stderr == ""
    why, _, records = done.stdout.strip().rpartition(" ")
    assert why == "File too large"
    assert played(path) == list(history(10_000))[: int(records)]
    assert int(records) > 10


def test_the_first_byte_that_cannot_be_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(recorder: Recorder, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "_write", full)
        with pytest.raises(RecordingError, match="cannot be written: No space left on device"):
            Recorder(tmp_path / "r", Listed(history(1)), print)
    assert list(tmp_path.iterdir()) == []


def test_a_summary_knows_faults_and_events_that_the_rings_have_forgotten(tmp_path: Path) -> None:
    with RecordingFile(record(tmp_path / "r", history(1500))) as tape:
        told = json.loads(json.dumps(summary(tape)))
    assert told["records"] == 1500
    assert told["seconds"] == 749.5
    assert told["books"]["accepted"] == 14990
    assert told["books"]["balanced"]
    assert len(told["events"]) == 500
    first = {"at": BEGAN_AT, "kind": EventKind.INFO, "text": "event 0"}
    assert told["events"][0] == first | {"times": 1, "first_at": None, "topic": "", "code": ""}
    assert len(told["faults"]) == 38
    assert told["faults"][0] == {
        "name": "redis.down", "start_at": BEGAN_AT + 5, "end_at": BEGAN_AT + 15,
    }  # fmt: skip

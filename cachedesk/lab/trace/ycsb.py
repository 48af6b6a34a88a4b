"""A core workload of YCSB, as described by its properties files.

First all records are inserted, then the operations follow, as in the two phases of YCSB. (Cooper
et al., "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010;
https://github.com/brianfrankcooper/YCSB, core/…/CoreWorkload.java.) A record is one key here, with
a value as long as all its fields; a scan is a read of each of the consecutive keys.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from cachedesk.core.events import MAX_VALUE_BYTES
from cachedesk.lab.load.operations import Operation
from cachedesk.lab.load.skew import Draw, Latest, Uniform, Zipfian
from cachedesk.lab.trace.record import Malformed, get, made_up, put, shown

NAMES = frozenset(
    {
        "fieldcount", "fieldlength", "recordcount", "operationcount", "readproportion",
        "updateproportion", "insertproportion", "scanproportion", "readmodifywriteproportion",
        "requestdistribution", "maxscanlength",
    }
)  # fmt: skip
"""The properties that are used here."""

RECOGNIZED = NAMES | {"workload"}
"""A workload has at least one of these properties."""

_PROPERTY = re.compile(r"([A-Za-z][\w.-]{0,60})\s*[=:]\s*(.*)", re.DOTALL)

_MOST_RECORDS = 100_000_000
_Kind = TypeVar("_Kind", int, float)
_DRAWS: dict[str, Callable[[int], Draw]] = {
    "uniform": Uniform,
    "zipfian": Zipfian,
    "latest": Latest,
}


@dataclass(frozen=True, slots=True)
class Core:
    """The properties of a core workload that are used here, with YCSB's defaults.

    ``read`` to ``modify``: the proportions. ``bytes``: the size of a record's value.
    ``operations``: the number after the inserts; ``None``: endless.
    """

    records: int = 1_000
    operations: int | None = 1_000
    read: float = 0.95
    update: float = 0.05
    insert: float = 0.0
    scan: float = 0.0
    modify: float = 0.0
    distribution: str = "uniform"
    longest_scan: int = 1_000
    bytes: int = 1_000


def operations(core: Core, seed: int) -> Iterator[Operation]:
    """Yield the inserts and then the operations of ``core``, the same for the same seed."""
    for number in range(core.records):
        yield _write(number, seed)(core.bytes)
    numbers = itertools.count() if core.operations is None else range(core.operations)
    deal = _Deal(core, seed)
    for _ in numbers:
        yield from deal.next()


def properties(lines: Iterable[bytes]) -> Core:
    """Return the workload that the lines of a properties file describe.

    Raises:
        Malformed: a line is not a property, none is of a workload, or a value is invalid.
    """
    found = dict(named(lines))
    if not RECOGNIZED & found.keys():
        raise Malformed(
            f"it has none of the properties of a workload: {', '.join(sorted(RECOGNIZED))}"
        )
    known = Core()
    fields = _number(found, "fieldcount", 10, int) * _number(found, "fieldlength", 100, int)
    core = Core(
        records=_number(found, "recordcount", known.records, int),
        operations=_number(found, "operationcount", 1_000, int),
        read=_number(found, "readproportion", known.read, float),
        update=_number(found, "updateproportion", known.update, float),
        insert=_number(found, "insertproportion", known.insert, float),
        scan=_number(found, "scanproportion", known.scan, float),
        modify=_number(found, "readmodifywriteproportion", known.modify, float),
        distribution=found.get("requestdistribution", known.distribution),
        longest_scan=_number(found, "maxscanlength", known.longest_scan, int),
        bytes=fields,
    )
    if core.distribution not in _DRAWS:
        raise Malformed(
            f"requestdistribution is {shown(core.distribution)}; there are {', '.join(_DRAWS)}"
        )
    if not 1 <= core.records <= _MOST_RECORDS:
        raise Malformed(f"recordcount is not 1 to {_MOST_RECORDS:,}")
    if core.bytes > MAX_VALUE_BYTES:
        raise Malformed(
            f"fieldcount times fieldlength is {core.bytes:,}, over {MAX_VALUE_BYTES:,} bytes"
        )
    if core.read + core.update + core.insert + core.scan + core.modify <= 0:
        raise Malformed("all proportions are 0")
    return core


def named(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the properties that the lines of a file name, with their values.

    Raises:
        Malformed: a line is neither a property, nor a comment, nor blank.
    """
    for number, line in enumerate(lines, 1):
        text = line.decode("latin-1").strip()
        if not text or text[0] in "#!":
            continue
        match = _PROPERTY.fullmatch(text)
        if match is None:
            raise Malformed(
                f"line {number} is not a property such as recordcount=1000: {shown(text)}"
            )
        yield match[1], match[2]


class _Deal:
    """Draws one operation after another."""

    def __init__(self, core: Core, seed: int) -> None:
        self._core = core
        self._seed = seed
        self._rng = random.Random(seed)
        self._records = core.records
        self._keys = _DRAWS[core.distribution](core.records)
        actions = (
            (core.read, self._read),
            (core.update, self._update),
            (core.insert, self._insert),
            (core.scan, self._scan),
            (core.modify, self._modify),
        )
        self._actions = [action for _, action in actions]
        self._weights = list(itertools.accumulate(share for share, _ in actions))

    def next(self) -> tuple[Operation, ...]:
        """Return the operations for the next operation of YCSB."""
        (action,) = self._rng.choices(self._actions, cum_weights=self._weights)
        return action()

    def _key(self) -> int:
        return self._keys.draw(self._rng, self._records)

    def _read(self) -> tuple[Operation, ...]:
        return (get(_name(self._key())),)

    def _update(self) -> tuple[Operation, ...]:
        return (_write(self._key(), self._rng.getrandbits(32))(self._core.bytes),)

    def _insert(self) -> tuple[Operation, ...]:
        self._records += 1
        return (_write(self._records - 1, self._seed)(self._core.bytes),)

    def _scan(self) -> tuple[Operation, ...]:
        first = self._key()
        length = self._rng.randint(1, max(1, self._core.longest_scan))
        last = min(self._records, first + length)
        return tuple(get(_name(number)) for number in range(first, last))

    def _modify(self) -> tuple[Operation, ...]:
        number = self._key()
        write = _write(number, self._rng.getrandbits(32))(self._core.bytes)
        return (get(_name(number)), write)


def _name(number: int) -> bytes:
    return b"user%d" % number


def _write(number: int, version: int) -> Callable[[int], Operation]:
    key = _name(number)
    return lambda size: put(key, made_up(b"%s %d" % (key, version), size))


def _number(found: dict[str, str], name: str, usual: _Kind, kind: type[_Kind]) -> _Kind:
    text = found.get(name)
    if text is None:
        return usual
    try:
        number = kind(text)
    except ValueError:
        raise Malformed(f"{name} is {shown(text)}, which is not a number") from None
    if not 0 <= number <= _MOST_RECORDS * 10:
        raise Malformed(f"{name} is {shown(text)}, which is out of range")
    return number

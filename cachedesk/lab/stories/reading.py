"""Reads the file of a story, and finds all errors in it before anything is played."""

from __future__ import annotations

import difflib
import keyword
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from cachedesk.config import as_size, from_tables, mistake
from cachedesk.core.errors import ConfigError
from cachedesk.core.events import MAX_KEY_BYTES
from cachedesk.core.safeguards import known as known_safeguard
from cachedesk.lab.load.workload import workload
from cachedesk.lab.run.schedule import planned
from cachedesk.lab.stories import expressions, source_positions
from cachedesk.lab.stories.key_ranges import named
from cachedesk.lab.stories.script import Act, Claim, Keys, LoadSpec, Step, Story
from cachedesk.lab.stories.source_positions import Place
from cachedesk.lab.stories.story_figures import JUDGED, LIVE
from cachedesk.lab.stories.templates import check_text
from cachedesk.stack.fault_catalog import known as known_fault

_MOST_BYTES = 1024 * 1024
_MOST_OPERATIONS = 10_000_000
_TABLES: dict[str, type[msgspec.Struct]] = {
    "act": Act, "step": Step, "claim": Claim, "load": LoadSpec,
    "get": Keys, "set": Keys, "incr": Keys, "delete": Keys,
}  # fmt: skip


S = TypeVar("S", bound=msgspec.Struct)


class StoryError(ConfigError):
    """A story cannot be read; the message names the file, the line and the field."""


class _Mistake(Exception):
    """An error in a file, and its position."""

    def __init__(self, place: Place, what: str) -> None:
        super().__init__(what)
        self.place = place


def read(path: Path, name: str = "") -> Story:
    """Return the story in the file at ``path``.

    Raises:
        StoryError: it cannot be read, or something in it is wrong.
    """
    return parse(file_text(path), str(path), name or path.stem)


def file_text(path: Path) -> str:
    """Return the text of the file at ``path``; errors as ``read``."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # Reading a pipe without a writer would block forever, and a device has no end.
            raise StoryError(f"{path}: not a regular file")
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise StoryError(f"{path}: cannot read: {error.strerror}") from error
    if len(raw) > _MOST_BYTES:
        raise StoryError(f"{path}: file is larger than {_MOST_BYTES // 1024:,} KiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StoryError(f"{path}: not valid UTF-8 at byte {error.start}") from error


def parse(text: str, file: str, name: str) -> Story:
    """Return the story in ``text`` under the name ``name``; errors as ``read``, for ``file``."""
    return msgspec.structs.replace(checked_file(text, file, Story, _TABLES, _check), name=name)


def checked_file(
    text: str,
    file: str,
    kind: type[S],
    tables: Mapping[str, type[msgspec.Struct]],
    check: Callable[[S], None],
) -> S:
    """Return the value of the class ``kind`` in ``text``.

    Args:
        text: TOML.
        file: the name of its file, for errors.
        kind: the class of the whole file.
        tables: the classes of the tables in it, by name.
        check: checks what the classes do not, inside ``at_place``.

    Raises:
        StoryError: something in it is wrong.
    """
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoryError(f"{file}: not valid TOML: {_one_line(str(error))}") from error
    try:
        value = _converted(found, kind, tables)
        check(value)
    except _Mistake as error:
        line = source_positions.line_of(text, error.place)
        where = source_positions.name_of(error.place)
        message = f"{where}: {error}" if where else str(error)
        raise StoryError(f"{file} line {line}: {message}") from None
    return value


def _converted(
    found: dict[str, object], kind: type[S], tables: Mapping[str, type[msgspec.Struct]]
) -> S:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        text, place, unknown = mistake(error)
        at = source_positions.place_of(place)
        if unknown is not None:
            name = next((part for part in reversed(at) if isinstance(part, str)), "")
            known = tables.get(name, kind).__struct_fields__
            raise _Mistake((*at, unknown), _no_such_field(unknown, known)) from None
        what = _one_line(text.replace("`", "").replace("object", "a table"))
        raise _Mistake(at, what[0].lower() + what[1:]) from None


def _no_such_field(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"there is no such field; {_hint(near, known)}"


def _hint(near: list[str], known: Iterable[str]) -> str:
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def _check(story: Story) -> None:
    for number, safeguard in enumerate(story.rests_on):
        with at_place("rests_on", number):
            known_safeguard(safeguard)
    names: list[str] = []
    for number, act in enumerate(story.act):
        if act.name in [other.name for other in story.act[:number]]:
            raise _Mistake(("act", number, "name"), f"there is an act {act.name!r} already")
        noted = _check_act(act, ("act", number))
        names += [f"{act.name}.{figure}" for figure in (*LIVE, *JUDGED, *noted)]
        if len(story.act) == 1:
            names += [*LIVE, *JUDGED, *noted]
    for number, claim in enumerate(story.claim):
        with at_place("claim", number, "that"):
            expressions.check(claim.that, names)
        with at_place("claim", number, "shows"):
            check_text(claim.shows, names)


def _check_act(act: Act, place: Place) -> list[str]:
    if keyword.iskeyword(act.name):
        raise _Mistake((*place, "name"), f"{act.name!r} is reserved in conditions; rename it")
    with at_place(*place, "settings"):
        from_tables(act.settings)
    noted: list[str] = []
    for number, step in enumerate(act.step):
        at = (*place, "step", number)
        if len(step.actions) > 1:
            raise _Mistake(at, f"one step does one thing, not {' and '.join(step.actions)}")
        if not step.actions and not step.say:
            raise _Mistake(at, "the step is empty")
        _check_step(step, at)
        if step.wait is not None:
            with at_place(*at, "wait"):
                expressions.check(step.wait, [*LIVE, *noted])
        for name, text in (step.note or {}).items():
            with at_place(*at, "note"):
                if not name.isidentifier() or name in LIVE or name in JUDGED:
                    raise ConfigError(f"{name!r} cannot name a figure")
                expressions.check(text, [*LIVE, *noted])
            noted.append(name)
    return noted


def _check_step(step: Step, at: Place) -> None:
    for verb in ("get", "set", "incr", "delete"):
        keys: Keys | None = getattr(step, verb)
        if keys is None:
            continue
        with at_place(*at, verb):
            all_keys = named(keys.keys)
            if any(len(key) > MAX_KEY_BYTES for key in all_keys):
                raise ConfigError(f"a key is at most {MAX_KEY_BYTES:,} bytes long")
            if len(all_keys) * keys.times > _MOST_OPERATIONS:
                raise ConfigError(f"one step does at most {_MOST_OPERATIONS:,} operations")
            if keys.callers > 1 and verb != "get":
                raise ConfigError("only reads have several callers: writes are judged in order")
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("load", lambda: _check_load(step.load)),
        ("inject", lambda: [_check_fault(fault) for fault in faults_of(step)]),
        ("heal", lambda: step.heal in (None, "all") or known_fault(str(step.heal))),
        ("memory", lambda: step.memory is None or as_size("memory", step.memory)),
        ("safeguard", lambda: [known_safeguard(name) for name in step.safeguard or ()]),
    )
    for field, check in checks:
        with at_place(*at, field):
            check()


def faults_of(step: Step) -> tuple[str, ...]:
    """Return the faults that ``step`` injects, one or several."""
    if step.inject is None:
        return ()
    return (step.inject,) if isinstance(step.inject, str) else tuple(step.inject)


def _check_load(load: LoadSpec | None) -> object:
    if load is None:
        return None
    return [workload(load.workload), *(_check_fault(planned(it).name) for it in load.faults)]


def _check_fault(text: str) -> object:
    if text.startswith("process."):
        raise ConfigError(f"{text} would end the process that plays the story; use it with run")
    return known_fault(text)


@contextmanager
def at_place(*place: str | int) -> Iterator[None]:
    """Give each ``ConfigError`` of the block this place in the file."""
    try:
        yield
    except ConfigError as error:
        raise _Mistake(place, _one_line(str(error))) from None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]

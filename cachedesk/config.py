"""The configuration file: ``cachedesk.toml`` read into ``Settings`` and ``DeskSettings``.

Every field of a stack is documented where it is defined, in ``core.settings``. A file with any
error is rejected as a whole, with one line that names the file, the field and the error.
Sizes (fields that end in ``_bytes``) may be written as text: ``maxmemory_bytes = "64mb"``.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

import msgspec

from cachedesk.core.codec_table import CodecTable
from cachedesk.core.codecs import Codec
from cachedesk.core.errors import ConfigError
from cachedesk.core.eviction_policies import no_such_policy
from cachedesk.core.policy import Policy, PolicyTable, as_policy
from cachedesk.core.settings import PolicySetting, Settings
from cachedesk.core.sizes import size_in_bytes

FILE_NAME = "cachedesk.toml"
MAX_FILE_BYTES = 1024 * 1024

_MSGSPEC_TEXT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>[^`]*)`)?", re.DOTALL)
_MSGSPEC_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)


class Mistake(NamedTuple):
    """One validation error: the message, the path of the value (``redis.restart``, ``act[0]``),
    and the name of the field if it is unknown."""

    what: str
    place: str
    unknown: str | None


def mistake(error: msgspec.ValidationError) -> Mistake:
    """Return the parts of ``error``. msgspec gives them as text only; a test pins these texts."""
    match = _MSGSPEC_TEXT.fullmatch(str(error))
    what, place = (match["what"], match["place"] or "") if match else (str(error), "")
    unknown = _MSGSPEC_UNKNOWN.fullmatch(what)
    return Mistake(what, place, unknown["name"] if unknown else None)


class DeskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Appearance and keys of the desk: the table ``[desk]``.

    ``theme``: the colour theme; empty: the default. ``refresh_hz``: refreshes per second.
    ``keys``: key bindings to replace, by action (``kill-redis = "x"``). ``hint``: greet a new
    user. ``cards``: show a card after each fault.
    """

    theme: str = ""
    refresh_hz: Literal[1, 2, 4] = 2
    keys: dict[str, str] = {}
    hint: bool = True
    cards: bool = True


class _File(msgspec.Struct, frozen=True):
    stack: Settings = Settings()
    desk: DeskSettings = DeskSettings()


def load(data: Path, file: Path | None = None) -> Settings:
    """Return the settings of a stack for a data directory.

    Args:
        data: the data directory; its ``cachedesk.toml`` is read if there is one.
        file: a file to read instead; it must exist.

    Raises:
        ConfigError: the file cannot be read, or a setting in it is invalid.
    """
    return _load(data, file).stack


def load_desk(data: Path, file: Path | None = None) -> DeskSettings:
    """Return the settings of the desk for a data directory; arguments and errors as ``load``."""
    return _load(data, file).desk


def _load(data: Path, file: Path | None) -> _File:
    if file is None:
        file = data / FILE_NAME
        if not os.path.lexists(file):
            return _File()
    raw = _read(file)
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError(f"{file}: file is larger than 1 MiB")
    try:
        return _parsed(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not valid UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {_one_line(str(error))}") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def parse(text: str) -> Settings:
    """Return the settings in ``text``, which is TOML; settings it leaves out have their default.

    Raises:
        tomllib.TOMLDecodeError: ``text`` is not TOML.
        ConfigError: a setting is unknown, of the wrong type, out of range or contradicts another.
    """
    return _parsed(text).stack


def _parsed(text: str) -> _File:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or very deeply nested brackets.
        raise ConfigError(f"not valid TOML: {_one_line(str(error))}") from error
    desk = tables.pop("desk", {})
    return _File(from_tables(tables), _desk(desk))


def from_tables(tables: Mapping[str, object]) -> Settings:
    """Return the settings in ``tables``, as the TOML parser returns them.

    Raises:
        ConfigError: a setting is unknown, of the wrong type, out of range or contradicts another.
    """
    sized = {
        section: {
            field: as_size(f"{section}.{field}", value) if field.endswith("_bytes") else value
            for field, value in table.items()
        }
        if isinstance(table, dict)
        else table
        for section, table in tables.items()
    }
    return _converted(sized)


def _desk(table: object) -> DeskSettings:
    try:
        return msgspec.convert(table, DeskSettings)
    except msgspec.ValidationError as error:
        found = mistake(error)
        place = f"desk.{found.place}" if found.place else "desk"
        raise ConfigError(_explain(found._replace(place=place), {"desk": table})) from error


def with_policies(settings: Settings, overrides: Iterable[str]) -> Settings:
    """Return ``settings`` with ``overrides``, each ``PATTERN=POLICY`` with a policy as for
    ``as_policy``, before its own policies.

    Raises:
        ConfigError: an override does not have that form, or its policy is invalid.
    """
    first: dict[str, PolicySetting] = {}
    for override in overrides:
        path, *fields = override.split(",")
        pattern, equals, name = path.rpartition("=")
        if not equals:
            raise ConfigError(
                f"write a policy as PATTERN=PATH, like 'views:*=write-behind', not {override!r}"
            )
        first[pattern] = _setting(as_policy(",".join((name, *fields))))
    kept = {pattern: its for pattern, its in settings.policies.items() if pattern not in first}
    policies = first | kept
    PolicyTable(policies)
    return msgspec.structs.replace(settings, policies=policies)


def as_policies(policies: object) -> dict[str, PolicySetting]:
    """Return ``policies`` as the value of the setting ``policies``.

    Raises:
        ConfigError: it is not a mapping of patterns to policies.
    """
    if not isinstance(policies, Mapping):
        raise ConfigError(f"policies: expected a mapping, not {type(policies).__name__}")
    PolicyTable(policies)
    return {pattern: _setting(as_policy(policy)) for pattern, policy in policies.items()}


def _setting(policy: Policy) -> PolicySetting:
    """Return ``policy`` as short as a setting can be."""
    return policy.path.value if policy == Policy(policy.path) else policy


def as_codecs(codec: object) -> dict[str, Codec | str | None]:
    """Return the argument ``codec`` of ``cachedesk.open`` as codecs by key pattern.

    Raises:
        ConfigError: it is neither a codec nor a mapping of patterns to codecs.
    """
    codecs: dict[str, Any] = dict(codec) if isinstance(codec, Mapping) else {"*": codec}
    CodecTable(codecs)
    return codecs


def checked(settings: object) -> Settings:
    """Return ``settings`` after the same checks as for a file; a size given as text becomes a
    number of bytes.

    Raises:
        ConfigError: it is not a ``Settings``, or a setting is of the wrong type, out of range or
            contradicts another.
    """
    if not isinstance(settings, Settings):
        raise ConfigError(f"settings: expected Settings, not {type(settings).__name__}")
    tables: dict[str, object] = {
        name: table if isinstance(table, dict) else _fields(name, table)
        for name, table in msgspec.structs.asdict(settings).items()
    }
    return from_tables(tables)


def with_field(settings: Settings, place: str, text: str) -> Settings:
    """Return ``settings`` with the field at ``place`` (``worker.batch_events``) set from ``text``.

    Raises:
        ConfigError: there is no such field, or the value is invalid for it.
    """
    section, _, field = place.partition(".")
    tables = {
        name: table if isinstance(table, dict) else _fields(name, table)
        for name, table in msgspec.structs.asdict(settings).items()
    }
    if section not in tables or not field:
        raise ConfigError(_unknown_field("", section))
    value = as_size(place, text) if field.endswith("_bytes") and not text.isdecimal() else text
    return _converted(tables | {section: tables[section] | {field: value}}, strict=False)


def _fields(name: str, table: object) -> dict[str, object]:
    if not isinstance(table, msgspec.Struct):
        raise ConfigError(f"{name}: expected settings, not {_one_line(repr(table))}")
    return msgspec.structs.asdict(table)


def _converted(tables: Mapping[str, object], *, strict: bool = True) -> Settings:
    try:
        settings = msgspec.convert(tables, Settings, strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(mistake(error), tables)) from error
    except ConfigError as error:
        raise ConfigError(_wrong_policy(tables.get("policies"))) from error
    _check_together(settings)
    return settings


def _read(file: Path) -> bytes:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            # Opening a pipe without a writer would block forever.
            raise ConfigError(f"{file}: not a regular file")
        with file.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot read: {error.strerror}") from error


def as_size(place: str, value: object) -> object:
    """Return a size in bytes: a text like ``64mb`` as a number, any other value unchanged.

    Raises:
        ConfigError: the text is not a size; the message names ``place``.
    """
    if not isinstance(value, str):
        return value
    size = size_in_bytes(value)
    if size is None:
        raise ConfigError(f'{place}: {value!r} is not a size; write it like "64mb" or 67108864')
    return size


def _check_together(settings: Settings) -> None:
    for pattern, name in settings.policies.items():
        try:
            PolicyTable({pattern: name})
        except ConfigError as error:
            raise ConfigError(f"policies: {error}") from error
    CodecTable(settings.codecs)
    worker = settings.worker
    if worker.retry_seconds > worker.retry_max_seconds:
        raise ConfigError(
            f"worker.retry_seconds: {worker.retry_seconds:g} is above worker.retry_max_seconds,"
            f" {worker.retry_max_seconds:g}"
        )


def _explain(found: Mistake, tables: Mapping[str, object]) -> str:
    """Return "field: what is wrong"."""
    text, place, unknown = found
    if place.startswith("codecs"):
        return 'codecs: expected a table of patterns and codecs, like "user:*" = "json"'
    if place.startswith("policies"):
        return _wrong_policy(tables.get("policies"))
    if unknown is not None:
        return _unknown_field(place, unknown)
    if place.startswith("desk.keys["):
        return 'desk.keys: write a key as text, like kill-redis = "x"'
    value: object = tables
    for part in place.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if place == "redis.eviction_policy" and isinstance(value, str):
        return f"{place}: {_one_line(no_such_policy(value))}"
    what = _one_line(text.partition(", got ")[0].replace("`", "").replace("object", "a table"))
    if what.startswith("Invalid enum value"):
        what = f"expected one of {', '.join(map(str, _choices(place)))}"
    return f"{place}: {what[0].lower()}{what[1:]}, not {_one_line(repr(value))}"


def _choices(place: str) -> tuple[object, ...]:
    section, _, field = place.partition(".")
    return get_args(get_type_hints(type(_section(section)))[field])


def _section(name: str) -> msgspec.Struct:
    section = DeskSettings() if name == "desk" else getattr(Settings(), name)
    assert isinstance(section, msgspec.Struct)
    return section


def _unknown_field(place: str, name: str) -> str:
    known: Iterable[str] = (*Settings.__struct_fields__, "desk")
    if place:
        known = _section(place).__struct_fields__
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    field = f"{place}.{name}" if place else name
    return f"{_one_line(field)}: there is no such setting; {hint}"


def _wrong_policy(policies: object) -> str:
    if not isinstance(policies, dict):
        return f"policies: expected a table of patterns and paths, not {_one_line(repr(policies))}"
    for pattern, policy in policies.items():
        try:
            if isinstance(policy, dict):
                msgspec.convert(policy, Policy)
            else:
                as_policy(policy)
        except ConfigError as error:
            return f"policies.{pattern!r}: {error}"
        except msgspec.ValidationError as error:
            return f"policies.{pattern!r}: {_wrong_field(mistake(error), policy)}"
    return "policies: a path is 'write-through' or 'write-behind'"


def _wrong_field(found: Mistake, policy: dict[str, object]) -> str:
    if found.unknown is not None:
        fields = ", ".join(Policy.__struct_fields__)
        return f"{_one_line(found.unknown)}: there is no such field; there are {fields}"
    if found.place == "path":
        return f"unknown path {_one_line(repr(policy['path']))}"
    what = found.what.partition(", got ")[0].replace("`", "")
    return _one_line(f"{found.place}: {what}" if found.place else what)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]

"""Strict types for decoding. When msgspec decodes a dataclass, missing fields get their defaults
and unknown fields are ignored: right for a tolerant protocol, but wrong for a file, where a renamed
field would become a zero. A strict type has the same fields, requires all of them, and allows no
others.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec


def strict(hint: Any) -> Any:
    """Return the strict type for a type hint; a decoded value has attributes of the same names,
    from which ``msgspec.convert`` creates the value itself."""
    if _has_fields(hint):
        return _struct(hint)
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return reduce(or_, [strict(argument) for argument in arguments])
    if get_origin(hint) is tuple:
        return tuple[tuple(strict(it) if it is not ... else ... for it in arguments)]  # type: ignore[misc]
    return hint


@cache
def _struct(kind: Any) -> Any:
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else kind.__struct_fields__
    hints = get_type_hints(kind)
    return msgspec.defstruct(
        kind.__name__, [(name, strict(hints[name])) for name in names], forbid_unknown_fields=True
    )


def shape(kind: Any) -> str:
    """Return the names and types of all fields of ``kind``, one per line, to any depth."""
    lines: list[str] = []
    _describe(kind, "", lines)
    return "\n".join(lines) + "\n"


def _describe(kind: Any, prefix: str, lines: list[str]) -> None:
    hints = get_type_hints(kind)
    for field in msgspec.structs.fields(_struct(kind)):
        hint = hints[field.name]
        name = f"{prefix}{field.name}"
        inner = [it for it in (hint, *get_args(hint)) if _has_fields(it)]
        if inner:
            many = "[]" if get_origin(hint) is tuple else ""
            _describe(inner[0], f"{name}{many}.", lines)
        else:
            lines.append(f"{name}: {_name_of(hint)}")


def _has_fields(kind: Any) -> bool:
    return is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))


def _name_of(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return f"{hint.__name__}({', '.join(str(member.value) for member in hint)})"
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)

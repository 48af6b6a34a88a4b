"""Key templates: the key of a call, made of the arguments of a function: ``"user:{id}"``.

A field is the name of a parameter, or a part of it (``{user.id}``, ``{row[id]}``). An argument
stands in the key as its text, in which all but letters, digits and ``_.~-`` is escaped as in a
URL, so an argument cannot reach into another part of the key, and a pattern such as ``user:*``
means what it looks like. Arguments with the same text (``1`` and ``"1"``) have the same key.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import hashlib
import inspect
import uuid
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any
from urllib.parse import quote

from cachedesk.core.errors import ConfigError, InvalidKey
from cachedesk.core.events import MAX_KEY_BYTES

_AS_STR = (int, float, decimal.Decimal, uuid.UUID)
_KEPT_BYTES = 900


class KeyTemplate:
    """The template of the keys of one function."""

    def __init__(self, function: Callable[..., Any], template: str | None = None) -> None:
        """Prepare.

        Args:
            function: whose arguments make the keys.
            template: by default module, name and all parameters.

        Raises:
            ConfigError: the template is malformed, or names what is no parameter; or it is left out
                for a method.
        """
        self._name = getattr(function, "__qualname__", repr(function))
        self._signature = inspect.signature(function)
        names = list(self._signature.parameters)
        if template is None:
            if names[:1] in (["self"], ["cls"]):
                raise ConfigError(
                    f"{self._name} is a method: give a key, such as 'user:{{self.id}}'"
                )
            module = getattr(function, "__module__", "")
            template = ":".join((f"{module}.{self._name}", *(f"{{{name}}}" for name in names)))
        try:
            self._parts = [*Formatter().parse(template)]
        except ValueError as error:
            raise ConfigError(f"the key {template!r} is malformed: {error}") from None
        for literal, field, form, conversion in self._parts:
            if field is not None:
                first = field.partition(".")[0].partition("[")[0]
                if first not in names:
                    raise ConfigError(
                        f"the key {template!r} names {first!r}, which is no parameter of"
                        f" {self._name}"
                    )
                if form or conversion:
                    raise ConfigError(f"the key {template!r} has a format; a field is only a name")
            if not literal and field is None:
                raise ConfigError("a key must not be empty")
        if not self._parts:
            raise ConfigError("a key must not be empty")

    @property
    def pattern(self) -> str:
        """The shell-style pattern that all keys match."""
        return "".join(
            _literal(part) + ("" if field is None else "*") for part, field, *_ in self._parts
        )

    def key(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> bytes:
        """Return the key of a call. A longer one than 1,024 bytes ends in a digest of the rest.

        Raises:
            TypeError: the function does not take these arguments.
            InvalidKey: an argument has no text that names it.
        """
        bound = self._signature.bind(*arguments, **named)
        bound.apply_defaults()
        text = "".join(
            literal + ("" if field is None else self._text(field, bound.arguments))
            for literal, field, *_ in self._parts
        )
        key = text.encode()
        if len(key) <= MAX_KEY_BYTES:
            return key
        return key[:_KEPT_BYTES] + b"#" + hashlib.sha256(key).hexdigest().encode()

    def _text(self, field: str, arguments: Mapping[str, Any]) -> str:
        try:
            value, _ = Formatter().get_field(field, (), arguments)
        except (AttributeError, LookupError, TypeError) as error:
            raise InvalidKey(f"the key of {self._name} has no {field!r}: {error}") from None
        return self._escaped(value, field)

    def _escaped(self, value: object, field: str) -> str:
        if value is None:
            # No argument has this text, because "%" is always escaped.
            return "%none"
        if isinstance(value, enum.Enum):
            return self._escaped(value.value, field)
        if isinstance(value, str):
            try:
                return quote(value, safe="")
            except UnicodeEncodeError:
                raise InvalidKey(f"{field!r} of {self._name} is not valid Unicode") from None
        if isinstance(value, bytes):
            return quote(value, safe="")
        if isinstance(value, _AS_STR):
            return quote(str(value), safe="")
        if isinstance(value, (datetime.date, datetime.time)):
            return quote(value.isoformat(), safe="")
        if isinstance(value, (tuple, list)):
            return f"({','.join(self._escaped(it, field) for it in value)})"
        if isinstance(value, dict):
            pairs = (
                f"{self._escaped(its, field)}={self._escaped(it, field)}"
                for its, it in value.items()
            )
            return f"({','.join(sorted(pairs))})"
        raise InvalidKey(
            f"{field!r} of {self._name} is of type {type(value).__name__}, which has no text that"
            f" names it: name a part of it in the key, such as {{{field}.id}}"
        )


def _literal(text: str) -> str:
    """Return ``text`` as part of a shell-style pattern."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in text)

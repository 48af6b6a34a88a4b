"""Arguments of commands: numbers, times and options, with the errors that Redis has for them."""

from __future__ import annotations

from collections.abc import Sequence

from cachedesk.core.clock import machine_seconds, wall_seconds
from cachedesk.core.errors import InvalidKey, InvalidValue
from cachedesk.core.events import MAX_VALUE_BYTES, as_key
from cachedesk.core.expiry import MOST_SECONDS
from cachedesk.server.plan import CommandError
from cachedesk.server.resp import as_integer

SYNTAX = "ERR syntax error"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
UNITS = {b"EX": 1.0, b"PX": 0.001, b"EXAT": 1.0, b"PXAT": 0.001}
_MOST_MILLISECONDS = 2**63 - 1


def key_of(argument: bytes) -> bytes:
    """Return a valid key; ``CommandError`` if it is not one."""
    try:
        return as_key(argument)
    except InvalidKey as error:
        raise CommandError(f"ERR invalid key: {error}") from None


def value_of(argument: bytes) -> bytes:
    """Return a valid value; ``CommandError`` if it is not one."""
    if len(argument) > MAX_VALUE_BYTES:
        error = InvalidValue(f"a value is at most {MAX_VALUE_BYTES:,} bytes")
        raise CommandError(f"ERR invalid value: {error}")
    return argument


def number_of(argument: bytes, message: str = NOT_AN_INTEGER) -> int:
    """Return a signed 64-bit integer; ``CommandError`` with ``message`` if it is not one."""
    number = as_integer(argument)
    if number is None:
        raise CommandError(message)
    return number


def deadline_from(number: int, unit: bytes, command: str) -> float:
    """Return a deadline in ``wall_seconds``.

    Args:
        number: a count of ``unit``.
        unit: ``EX`` and ``PX`` count from now on, ``EXAT`` and ``PXAT`` from 1970 on.
        command: for the message.

    Raises:
        CommandError: it is out of the range of Redis, or over 100 years ahead.
    """
    absolute = unit.endswith(b"AT")
    machine = machine_seconds(wall_seconds())
    milliseconds = number * (1 if unit.startswith(b"PX") else 1000)
    if not absolute:
        milliseconds += int(machine * 1000)
    if not -_MOST_MILLISECONDS <= milliseconds <= _MOST_MILLISECONDS:
        raise CommandError(f"ERR invalid expire time in '{command}' command")
    seconds = number * UNITS[unit]
    # The clock of the machine may have been set since the process began.
    at = wall_seconds() + (seconds - machine if absolute else seconds)
    if at - wall_seconds() > MOST_SECONDS:
        raise CommandError(
            f"ERR invalid expire time in '{command}' command: at most 100 years ahead"
        )
    return at


class Expiry:
    """The options of a command that say when its key expires: ``EX``, ``PX``, ``EXAT``, ``PXAT``,
    and a word that stands in their place."""

    def __init__(self, command: str, instead: bytes) -> None:
        """Prepare.

        Args:
            command: for messages.
            instead: ``KEEPTTL`` or ``PERSIST``.
        """
        self._command = command
        self._instead = instead
        self.instead = False
        self.given = False
        self._unit = self._number = b""

    def take(self, options: Sequence[bytes], place: int) -> int:
        """Take the option at ``place`` if it is one of these; return how many arguments it has,
        0 if it is another option.

        Raises:
            CommandError: it is not valid, or a second one.
        """
        option = options[place].upper()
        if option == self._instead:
            if self.given:
                raise CommandError(SYNTAX)
            self.given = self.instead = True
            return 1
        if option not in UNITS:
            return 0
        if self.given or place + 1 == len(options):
            raise CommandError(SYNTAX)
        self._unit, self._number = option, options[place + 1]
        self.given = True
        return 2

    def deadline(self) -> float | None:
        """Return when the key expires, in ``wall_seconds``; ``None``: no option says so.

        Raises:
            CommandError: it is not a number, or out of range.
        """
        if not self._unit:
            return None
        number = number_of(self._number)
        if number <= 0:
            raise CommandError(f"ERR invalid expire time in '{self._command}' command")
        return deadline_from(number, self._unit, self._command)

"""All errors that cachedesk raises on purpose. Each message says what, where, and what to do."""

from __future__ import annotations


class CachedeskError(Exception):
    """Base of all errors that cachedesk raises on purpose.

    >>> issubclass(Unavailable, CachedeskError), issubclass(InvalidKey, ValueError)
    (True, True)
    """


class Unavailable(CachedeskError):
    """The call cannot be served now. It changed nothing and can be retried."""


class OutcomeUnknown(CachedeskError):
    """A write failed while it was made durable: it will be applied once, or not at all."""


class LogFull(Unavailable):
    """The write-behind log is full; the write was rejected."""


class WriteRefused(CachedeskError):
    """A constraint or trigger of the database refuses the write. Nothing was changed; a retry
    would be refused too."""


class NoDeadLetter(CachedeskError, LookupError):
    """There is no dead letter with this seq.

    >>> cache.drop_dead(1_000_000)
    Traceback (most recent call last):
    cachedesk.core.errors.NoDeadLetter: there is no dead letter 1000000
    """


class Closed(CachedeskError):
    """The stack was closed."""


class Forked(Closed):
    """The stack was opened in a parent process, and this process is a fork of it. Nothing was
    done."""


class InvalidKey(CachedeskError, ValueError):
    """A key is not 1 to 1,024 bytes, or a str that is not valid Unicode.

    >>> cache.get("")
    Traceback (most recent call last):
    cachedesk.core.errors.InvalidKey: a key is 1 to 1,024 bytes long, not 0
    """


class InvalidValue(CachedeskError, ValueError):
    """A value is not bytes, str or int, or too long.

    >>> cache.set("order:2", 9.99)
    Traceback (most recent call last):
    cachedesk.core.errors.InvalidValue: a value is bytes, str or int, not float
    """


class CodecError(InvalidValue):
    """A value cannot be encoded by the codec of its key, or was not written under it. The message
    names the key and says what the value is."""


class NotACounter(CachedeskError, ValueError):
    """The value to increment is not the decimal text of a signed 64-bit integer.

    >>> _ = cache.set("likes:name", "Ann")
    >>> cache.incr("likes:name")
    Traceback (most recent call last):
    cachedesk.core.errors.NotACounter: the value b'Ann' is not a 64-bit integer
    """


class CounterOverflow(CachedeskError, OverflowError):
    """An increment would leave the range of a signed 64-bit integer.

    >>> _ = cache.set("likes:most", 2**63 - 1)
    >>> cache.incr("likes:most")
    Traceback (most recent call last):
    cachedesk.core.errors.CounterOverflow: incrementing 9223372036854775807 by 1 leaves ...
    """


class ConfigError(CachedeskError, ValueError):
    """A setting is unknown, of the wrong type, or out of range."""


class DataDirectoryError(CachedeskError):
    """The data directory cannot be used."""


class InUse(DataDirectoryError):
    """Another process uses the data directory, or another cache of this process."""


class Damaged(DataDirectoryError):
    """A file in the data directory is damaged, or belongs to another data directory."""


class OtherVersion(Damaged):
    """A file is undamaged, but was written by a newer or a very early version of cachedesk."""


class CacheError(CachedeskError):
    """The cache gave no reliable answer. Internal: an error is not a miss, never shown as one."""


class CacheLoading(CacheError):
    """The cache is up but still loading its snapshot: wait. Internal, as above."""


class DatabaseError(CachedeskError):
    """The database gave no answer in time. Internal: callers see ``Unavailable``."""


class DatabaseUncertain(DatabaseError):
    """A commit failed and it is unknown whether it took effect. Internal, as above."""


class DatabaseBusy(DatabaseError):
    """Another connection held the database's write lock for too long. Internal, as above."""


class DatabaseRefused(DatabaseError):
    """A constraint or trigger refuses the write. Internal: callers see ``WriteRefused``, and the
    worker turns the event into a dead letter."""


class DatabaseUndone(DatabaseRefused):
    """The database refuses a row and rolled back the whole transaction. Internal, as above."""

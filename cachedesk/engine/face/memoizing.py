"""``memoize``: the results of a function are stored under a key that its arguments make."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar, cast

from msgspec import UNSET, UnsetType

from cachedesk.core.codec_table import CodecTable, as_codec
from cachedesk.core.codecs import Codec, JsonCodec, loaded, stored
from cachedesk.core.conditions import equals, is_present
from cachedesk.core.errors import CodecError, ConfigError, Unavailable
from cachedesk.core.events import Op
from cachedesk.core.expiry import as_ttl
from cachedesk.core.key_template import KeyTemplate
from cachedesk.core.patterns import glob
from cachedesk.core.policy import Policy, as_policy
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, Receipt
from cachedesk.engine.expiry_calls import Key, Ttl
from cachedesk.engine.face.mapping_calls import as_prefix

P = ParamSpec("P")
R = TypeVar("R")

_AT_ONCE = 500
_LITERAL = re.compile(rb"[^*?[]*")


class MemoizingCalls(ABC):
    """The part of ``CacheLayer`` that stores results of functions, and deletes groups of keys."""

    _codecs: CodecTable | None

    def memoize(
        self,
        *,
        key: str | None = None,
        ttl: Ttl | UnsetType | None = UNSET,
        codec: str | Codec | None = None,
        policy: str | Policy | None = None,
    ) -> Callable[[Callable[P, R]], Memoized[P, R]]:
        """Return a decorator that stores the results of a function.

        A call returns the stored result if there is one; otherwise one caller per key calls the
        function, as in ``get_or_set``, and the others wait for its result. A write of the key
        during the call, such as ``invalidate``, prevents that the result is stored. An error of
        the function is raised and not stored; ``None`` is a result and is stored.

        If the cache is not available, the function is called: it never fails because of the
        cache. A stored result that cannot be decoded, as after a change of its class, is replaced.

        Args:
            key: the template of the keys, such as ``"user:{id}"``; see ``KeyTemplate``. By default
                the name of the function and all its arguments. Arguments that it does not name do
                not matter.
            ttl, policy: as for ``set``.
            codec: how results are stored; by default as the codec of the key says, or as JSON,
                decoded as the return type that the function declares. The result is always what
                the codec makes of it, also in the call that computes it.

        Returns:
            The decorator. The function that it returns also has ``invalidate(…)``, which deletes
            the result for these arguments, ``invalidate_all()``, ``key(…)``, and ``__wrapped__``.

        Raises:
            ConfigError: an argument is invalid, or the function is a coroutine function.

        >>> @cache.memoize(key="square:{n}", ttl="5m")
        ... def square(n: int) -> int:
        ...     print("computing")
        ...     return n * n
        >>> square(4), square(4)
        computing
        (16, 16)
        >>> square.invalidate(4)
        >>> square(4)
        computing
        16
        """
        if key is not None and not isinstance(key, str):
            raise ConfigError("write memoize(), with parentheses, or memoize(key='user:{id}')")
        if not isinstance(ttl, UnsetType) and ttl is not None:
            as_ttl(ttl)
        chosen = None if codec is None else as_codec(codec)
        path = None if policy is None else as_policy(policy)
        return lambda function: Memoized(
            self, function, key=key, ttl=ttl, codec=chosen, policy=path
        )

    def delete_match(self, pattern: Key) -> int:
        """Delete every key that matches a shell-style pattern, in the truth and in the cache.

        The keys are listed as by ``keys`` and deleted in batches, not all at one moment: a key that
        is written meanwhile may stay. (``evict`` only drops copies from the cache.)

        Returns:
            How many were deleted.

        Raises:
            InvalidKey: the pattern is not valid.
            Unavailable: not possible now; some keys may have been deleted.

        >>> _ = cache.write_many([("set", "page:a:1", 1), ("set", "page:b:1", 1)])
        >>> cache.delete_match("page:*:1")
        2
        """
        matches = glob(pattern).match
        raw = pattern.encode() if isinstance(pattern, str) else bytes(memoryview(pattern))
        literal = as_prefix(_LITERAL.match(raw)[0])  # type: ignore[index]
        deleted, some = 0, list[bytes]()
        for key in self.keys(literal):
            if matches(key):
                some.append(key)
            if len(some) == _AT_ONCE:
                deleted += self._delete(some)
                some = []
        return deleted + self._delete(some)

    def _delete(self, keys: Sequence[bytes]) -> int:
        changes = [Change(Op.DELETE, key, None, only_if=is_present) for key in keys]
        receipts = self._make(changes, [self.policy(key).path for key in keys])
        return sum(receipt.changed for receipt in receipts)

    def _memoized(
        self,
        key: bytes,
        call: Callable[[], R],
        ttl: Ttl | UnsetType | None,
        codec: Codec,
        policy: Policy | None,
    ) -> R:
        """Return the stored result, or that of ``call``, and store it."""
        computed = False

        def load() -> bytes:
            nonlocal computed
            computed = True
            return stored(codec, key, call())

        chosen = self.policy(key) if policy is None else policy
        try:
            data = self._get_or_set(key, load, ttl, chosen)
            if not computed:
                with suppress(CodecError):
                    return cast("R", loaded(codec, key, cast("bytes", data)))
                remove = Change(Op.DELETE, key, None, only_if=equals(data))
                self._make([remove], [chosen.path])
                data = self._get_or_set(key, load, ttl, chosen)
        except Unavailable:
            if computed:
                raise
            data = load()
        return cast("R", loaded(codec, key, cast("bytes", data)))

    @abstractmethod
    def keys(self, prefix: Key = b"") -> Iterator[bytes]:
        """See ``CacheLayer.keys``."""

    @abstractmethod
    def policy(self, key: Key) -> Policy:
        """See ``CacheLayer.policy``."""

    @abstractmethod
    def delete(self, key: Key, *, policy: str | Policy | None = None) -> Receipt:
        """See ``CacheLayer.delete``."""

    @abstractmethod
    def _make(self, changes: list[Change], paths: Sequence[WritePath]) -> list[Receipt]:
        """Make ``changes``, each by its path."""

    @abstractmethod
    def _get_or_set(
        self,
        key: bytes,
        load: Callable[[], bytes | None],
        ttl: Ttl | UnsetType | None,
        policy: Policy,
    ) -> bytes | None:
        """See ``LoadingCalls``."""


class Memoized(Generic[P, R]):
    """A function whose results are stored. Call it like the function."""

    __wrapped__: Callable[P, R]

    def __init__(
        self,
        cache: MemoizingCalls,
        function: Callable[P, R],
        *,
        key: str | None,
        ttl: Ttl | UnsetType | None,
        codec: Codec | None,
        policy: Policy | None,
    ) -> None:
        """Prepare; see ``CacheLayer.memoize``."""
        if not callable(function):
            raise ConfigError(f"memoize decorates a function, not {type(function).__name__}")
        if inspect.iscoroutinefunction(function):
            raise ConfigError(
                f"{function.__qualname__} is a coroutine function, which memoize cannot wait for"
            )
        functools.update_wrapper(self, function)
        self._cache = cache
        self._function = function
        self._template = KeyTemplate(function, key)
        self._ttl = ttl
        self._codec = codec
        self._policy = policy
        self._default: Codec | None = None
        if codec is None:
            # An annotation may name a class that is only defined below the function.
            with suppress(NameError):
                self._default = _codec_for(function)

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Return the stored result, or that of the function."""
        key = self._template.key(arguments, named)
        function = self._function
        return self._cache._memoized(
            key,
            lambda: function(*arguments, **named),
            self._ttl,
            self._codec_of(key),
            self._policy,
        )

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind the function to an instance, as for any method."""
        return self if instance is None else MethodType(self, instance)

    def key(self, *arguments: P.args, **named: P.kwargs) -> bytes:
        """Return the key of the result for these arguments; errors as for a call."""
        return self._template.key(arguments, named)

    def invalidate(self, *arguments: P.args, **named: P.kwargs) -> None:
        """Delete the result for these arguments. A call that is under way does not store an older
        one. Errors as for ``CacheLayer.delete``."""
        self._cache.delete(self.key(*arguments, **named), policy=self._policy)

    def invalidate_all(self) -> int:
        """Delete all results, as ``CacheLayer.delete_match`` does; return how many."""
        return self._cache.delete_match(self._template.pattern)

    def _codec_of(self, key: bytes) -> Codec:
        if self._codec is not None:
            return self._codec
        table = self._cache._codecs
        if table is not None and (codec := table.of(key)) is not None:
            return codec
        if self._default is None:
            try:
                self._default = _codec_for(self._function)
            except NameError as error:
                raise _undecodable(self._function, error) from None
        return self._default


def _codec_for(function: Callable[..., Any]) -> Codec:
    """Return JSON, decoded as the return type that ``function`` declares.

    Raises:
        NameError: the declared type is not defined, or not yet.
        ConfigError: it cannot be decoded.
    """
    try:
        return JsonCodec(typing.get_type_hints(function).get("return", Any))
    except NameError:
        raise
    except Exception as error:
        raise _undecodable(function, error) from error


def _undecodable(function: Callable[..., Any], error: Exception) -> ConfigError:
    name = getattr(function, "__qualname__", repr(function))
    return ConfigError(
        f"the return type of {name} cannot be decoded ({error}): give memoize a codec, such as"
        " codec='json'"
    )

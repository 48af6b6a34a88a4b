"""The supervisor: restarts the server when it dies or hangs, and has the cache trust it again.

One thread does all of it, so the state of Redis is decided in one place. (The same thread starts
the server and outlives it, because Linux ends the child with the thread that started it.)
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from cachedesk.core.clock import machine_seconds
from cachedesk.core.engine_event import EventCode, Plain
from cachedesk.core.errors import CacheError, CacheLoading, Unavailable
from cachedesk.core.events import Entry
from cachedesk.core.failpoints import ComponentCrash, Failpoints
from cachedesk.core.recorder import Announce
from cachedesk.stores.redis.admission import Admission
from cachedesk.stores.redis.memory_limits import MemoryLimits
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.server_process import RedisServer
from cachedesk.stores.redis.verification import Truths

_POLL_SECONDS = 0.1
_CLOCK_SECONDS = 0.25
_RETRY_SECONDS = 0.003
_SWEEP_SECONDS = 0.01
_HANG_SECONDS = 1.0
# A server that never answered may still be starting: a busy machine takes seconds for that, and
# would take as long for each one that follows.
_START_SECONDS = 20.0
_FAILED_SECONDS = 0.2
_RECENT_SECONDS = 0.25
_NOTABLE_SECONDS = 0.1
_BACKOFF_SECONDS = (0.0, 0.05, 0.2, 0.5)


class RedisSupervisor:
    """Keeps the server of one cache running until it is closed."""

    def __init__(
        self,
        server: RedisServer,
        cache: RedisCache,
        announce: Announce,
        limits: MemoryLimits,
        kept: Callable[[], str],
        *,
        failpoints: Failpoints,
    ) -> None:
        """Prepare; ``start`` starts the server.

        Args:
            server: the child process to keep running.
            cache: in that server; trusts it again after a restart.
            announce: called with each engine event.
            limits: the memory limits, applied again to a restarted server.
            kept: says where the values of keys that the server loses are still held.
            failpoints: of the stack.
        """
        self.limits = limits
        self._server = server
        self._cache = cache
        # The highest since no copy with a deadline was left.
        self._clock_offset = machine_seconds(0.0)
        self._trusted = cache.trusted_server
        self._announce = announce
        self._kept = kept
        self._reach = failpoints.reach
        self._thread = threading.Thread(target=self._run, name="redis-supervisor", daemon=True)
        self._closing = False
        self._held: str | None = None
        self._killed_on_purpose = False
        self._bypasses = 0
        self._starts = 0
        self._short_lives = 0
        self._served = self._admitted_before = False
        self._warned = False
        self._started_at = 0.0
        self._silent_since: float | None = None
        self._gone_since: float | None = None
        self._old_at: float | None = None
        self._truths: Truths | None = None
        self._share: float | None = None
        self._tried = threading.Event()

    @property
    def restarts(self) -> int:
        """How often the server was restarted."""
        return max(0, self._starts - 1)

    @property
    def bypasses(self) -> int:
        """How often Redis was bypassed for a moment because it did not answer in time."""
        return self._bypasses

    @property
    def pid(self) -> int | None:
        """The server's pid, or ``None`` while it does not run."""
        return self._server.pid

    @property
    def word(self) -> str:
        """The state of the server in one or two words."""
        if self._held is not None:
            return self._held
        if self._cache.trusted:
            return "up"
        if not self._server.alive:
            return "restarting" if self._starts else "starting"
        if self._share is not None:
            return f"being verified, {self._share:.0%}"
        return "not answering" if self._silent_since is not None else "being checked"

    @property
    def warm(self) -> bool:
        """Whether a restarted server loads its snapshot."""
        return self._server.warm

    def start(self, truths: Truths | None = None) -> None:
        """Start the server, in the background.

        Args:
            truths: returns the true values of keys, to compare a snapshot with; without it, the
                server is emptied.
        """
        self._truths = truths if self.warm else None
        self._thread.start()

    def wait_until_tried(self, seconds: float = 5.0) -> None:
        """Wait up to ``seconds`` until the server is trusted for the first time or fails to start:
        the stack works without it."""
        self._tried.wait(seconds)

    def kill(self) -> int | None:
        """SIGKILL the server, which is restarted at once, and return its pid."""
        pid = self._server.pid
        if self._held == "hung":
            self._held = None
        self._server.signal(signal.SIGKILL)
        return pid

    def hold_down(self) -> None:
        """Kill the server, and do not restart it until ``release``."""
        self._held, self._killed_on_purpose = "held down", True
        self._server.signal(signal.SIGKILL)
        self._trusted.attention.set()

    def hang(self) -> None:
        """Stop the server with SIGSTOP until ``release``."""
        self._held = "hung"
        self._server.signal(signal.SIGSTOP)

    def restart_with_old(self, seconds: float) -> None:
        """Make the server save a snapshot, let it run for ``seconds``, and kill it; the next server
        starts with that snapshot.

        Raises:
            Unavailable: Redis does not answer.
        """
        self._cache.save()
        self._server.keep_as_old()
        self._old_at = time.monotonic() + seconds

    def release(self) -> None:
        """End ``hold_down`` or ``hang``."""
        self._silent_since = None
        self._held = None
        self._server.signal(signal.SIGCONT)
        self._trusted.attention.set()

    def close(self) -> None:
        """Stop the server and leave nothing behind."""
        self._closing = True
        self._cache.close()
        self._server.signal(signal.SIGCONT)
        self._trusted.attention.set()
        if self._thread.is_alive():
            self._thread.join()
        self._server.close()

    def _run(self) -> None:
        while not self._closing:
            try:
                seconds = self._step()
            except (ComponentCrash, Exception) as error:  # noqa: BLE001 - nothing else would restart it
                self._announce(EventCode.REDIS_SUPERVISOR_FAILED, error=str(error))
                self._tried.set()
                seconds = _FAILED_SECONDS
            self._trusted.attention.wait(seconds)
            self._trusted.attention.clear()
        # On this thread, because the server ends with it.
        self._server.finish()

    def _step(self) -> float:
        """Do what is needed now; return the seconds to wait before the next step."""
        if self._old_at is not None and time.monotonic() >= self._old_at:
            self._server.stop()
        if not self._server.alive:
            self._cache.distrust((), "Redis is down")
            self._gone_since = self._gone_since or time.monotonic()
            if self._held == "held down":
                return _POLL_SECONDS
            return self._restart()
        if self._held == "held down":
            return _POLL_SECONDS
        if self._cache.trusted:
            self._follow_clock()
            return self._clean_up()
        return self._admit()

    def _follow_clock(self) -> None:
        """Drop all copies if the machine's clock was set back: the deadlines that Redis was given
        refer to that clock, and it would serve values after they have expired."""
        offset = machine_seconds(0.0)
        back = self._clock_offset - offset
        if back > _CLOCK_SECONDS and self._cache.expires:
            # If Redis does not answer, the next poll tries again.
            with suppress(Unavailable):
                evicted = self._cache.evict_all()
                self._clock_offset = offset
                self._announce(EventCode.REDIS_CLOCK_SET_BACK, seconds=back, evicted=evicted)
        elif back <= 0 or not self._cache.expires:
            self._clock_offset = offset

    def _clean_up(self) -> float:
        """Drop some keys that are not read any more; return the seconds to wait before the next
        step."""
        with suppress(CacheError):
            return _SWEEP_SECONDS if self._trusted.sweep_leftovers() else _POLL_SECONDS
        return _POLL_SECONDS

    def _restart(self) -> float:
        if self._starts and time.monotonic() - self._started_at < 1.0:
            self._short_lives = min(self._short_lives + 1, len(_BACKOFF_SECONDS) - 1)
        else:
            self._short_lives, self._warned = 0, False
        on_purpose, self._killed_on_purpose = self._killed_on_purpose, False
        if on_purpose and self._starts:
            # The fault announced the death already.
            pass
        elif self._starts and self._short_lives < len(_BACKOFF_SECONDS) - 1:
            self._announce(EventCode.REDIS_DIED, successor=self._successor())
        elif self._starts and not self._warned:
            self._warned = True
            self._announce(EventCode.REDIS_KEEPS_DYING)
            self._tried.set()
        time.sleep(_BACKOFF_SECONDS[self._short_lives])
        self._server.stop()
        if self._starts and not self._served:
            # The snapshot may be what it died of.
            self._server.forget_snapshot()
        old, self._old_at = self._old_at is not None, None
        self._server.start(old=old)
        self._trusted.use_server(self._server.socket_path, self._server.pid)
        self._reach("redis.start.after")
        self._starts += 1
        self._served = False
        self._started_at = time.monotonic()
        self._silent_since = None
        return _RETRY_SECONDS

    def _admit(self) -> float:
        was_held = self._held is not None
        try:
            self._reach("redis.admit.before")
            held = self._held_keys()
            doubt = self._trusted.distrusted_at, self._trusted.reason
            truths = self._compared if self._truths is not None else None
            admission = self._cache.trust(truths, self._progress)
            self._reach("redis.admit.after")
            self.limits.reapply()
            self._share = None
        except CacheLoading:
            self._silent_since = None
            return _POLL_SECONDS
        except CacheError:
            return self._handle_silence(was_held=was_held)
        was_gone = self._gone_since is not None
        self._gone_since = self._silent_since = None
        self._served = True
        self._announce_admission(admission, held, doubt, was_gone=was_gone)
        self._admitted_before = True
        self._tried.set()
        return _POLL_SECONDS

    def _announce_admission(
        self,
        admission: Admission,
        held: tuple[int, bool],
        doubt: tuple[float, str],
        *,
        was_gone: bool,
    ) -> None:
        since, reason = doubt
        seconds = time.monotonic() - since
        fields = self._admission_fields(seconds, held, admission)
        if not self._admitted_before:
            # A prompt start without a snapshot is not worth an event.
            if admission.verified is not None or self._tried.is_set():
                self._announce(EventCode.REDIS_STARTED, **fields)
        elif was_gone or admission.verified is not None:
            self._announce(EventCode.REDIS_BACK, **fields)
        else:
            # The server ran all the time, and only one answer was late or wrong.
            self._bypasses += 1
            if seconds >= _NOTABLE_SECONDS or admission.emptied:
                self._announce(EventCode.REDIS_BYPASSED, reason=reason, **fields)

    def _compared(self, keys: Sequence[bytes]) -> Mapping[bytes, Entry]:
        """Return the true entries of some keys of a snapshot."""
        self._reach("redis.verify.mid")
        assert self._truths is not None
        return self._truths(keys)

    def _held_keys(self) -> tuple[int, bool]:
        """Return how many keys Redis held when it went down, and whether that is an estimate."""
        number, seen_at = self._cache.keys_seen
        gone_at = self._gone_since or time.monotonic()
        return number, gone_at - seen_at > _RECENT_SECONDS

    def _progress(self, share: float) -> None:
        if self._closing:
            raise CacheError("cachedesk is closing")
        self._share, self._silent_since = share, None
        # Opening the stack need not wait for the comparison: reads bypass Redis meanwhile.
        self._tried.set()

    def _successor(self) -> str:
        if self._old_at is not None:
            return "old_snapshot"
        return "last_snapshot" if self.warm else "empty"

    def _handle_silence(self, *, was_held: bool) -> float:
        """Kill a server that hangs, unless a fault held it when it was asked: then its answer may
        only be late. Return the seconds to wait before the next step."""
        now, self._share = time.monotonic(), None
        since = self._silent_since or now
        self._silent_since = since
        patience = _HANG_SECONDS if self._served else _START_SECONDS
        if now - since > patience and not was_held and self._held is None:
            self._announce(EventCode.REDIS_HUNG)
            self._tried.set()
            self._server.signal(signal.SIGKILL)
        return _RETRY_SECONDS if now - since < _HANG_SECONDS else _POLL_SECONDS

    def _admission_fields(
        self, seconds: float, held: tuple[int, bool], admission: Admission
    ) -> dict[str, Plain]:
        """Return the fields of an event that reports that Redis is trusted again ``seconds`` after
        the trust ended, and how many of its keys are lost."""
        number, is_estimate = held
        lost = 0
        if admission.emptied or admission.verified is not None:
            lost = max(0, number - (admission.verified or 0))
        return {
            "seconds": seconds,
            "emptied": admission.emptied,
            "dropped": admission.dropped,
            "verified": admission.verified,
            "trusted": admission.trusted,
            "lost": lost,
            "lost_is_estimate": is_estimate,
            "kept_by": self._kept() if lost else "",
        }

"""The keeper: it brings the server back when it dies or hangs, and has the cache admit it.

One thread does all of it, so there is one place that decides what Redis is doing. (It is also
the thread that starts the server, and lives as long: Linux ends the child with that thread.)
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

from cachedesk.engine.cache import Cache
from cachedesk.engine.errors import CacheError
from cachedesk.engine.failpoints import ComponentCrash, reach
from cachedesk.engine.redis_server import RedisServer
from cachedesk.engine.snapshot import EventKind

_LOOK_SECONDS = 0.1
_RETRY_SECONDS = 0.003
_HANG_SECONDS = 1.0
_FAILED_SECONDS = 0.2
_BACKOFF_SECONDS = (0.0, 0.05, 0.2, 0.5)


class RedisKeeper:
    """Keeps one server running behind one cache until it is closed."""

    def __init__(
        self,
        server: RedisServer,
        cache: Cache,
        announce: Callable[[EventKind, str], None],
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            server: the child process to keep.
            cache: what is admitted to it.
            announce: told in one sentence when something rare happens.
        """
        self._server = server
        self._cache = cache
        self._announce = announce
        self._thread = threading.Thread(target=self._keep, name="redis-keeper", daemon=True)
        self._closing = False
        self._held: str | None = None
        self._starts = 0
        self._short_lives = 0
        self._gave_warning = False
        self._started_at = 0.0
        self._silent_since: float | None = None
        self._gone_since: float | None = None
        self._tried = threading.Event()

    @property
    def restarts(self) -> int:
        """How often the server was started again."""
        return max(0, self._starts - 1)

    @property
    def pid(self) -> int | None:
        """The server's pid, or ``None`` while it does not run."""
        return self._server.pid

    @property
    def word(self) -> str:
        """The state of the server in one or two words."""
        if self._held is not None:
            return self._held
        if self._cache.admitted:
            return "up"
        if not self._server.alive:
            return "restarting" if self._starts else "starting"
        return "not answering" if self._silent_since is not None else "being checked"

    def start(self) -> None:
        """Start the server, in the background."""
        self._thread.start()

    def wait_until_tried(self, seconds: float = 5.0) -> None:
        """Wait until the server is admitted for the first time, or cannot be started, or
        ``seconds`` have passed: the stack works without it."""
        self._tried.wait(seconds)

    def kill(self) -> int | None:
        """SIGKILL the server; it is brought back at once. Returns the pid that was killed."""
        pid = self._server.pid
        if self._held == "hung":
            self._held = None
        self._server.signal(signal.SIGKILL)
        return pid

    def hold_down(self) -> None:
        """Kill the server and keep it dead until ``release``."""
        self._held = "held down"
        self._server.signal(signal.SIGKILL)
        self._cache.suspicion.set()

    def hang(self) -> None:
        """Stop the server with SIGSTOP and leave it hanging until ``release``."""
        self._held = "hung"
        self._server.signal(signal.SIGSTOP)

    def release(self) -> None:
        """End ``hold_down`` or ``hang``."""
        self._held = None
        self._server.signal(signal.SIGCONT)
        self._cache.suspicion.set()

    def close(self) -> None:
        """Stop the server and leave nothing behind."""
        self._closing = True
        self._cache.close()
        self._cache.suspicion.set()
        if self._thread.is_alive():
            self._thread.join()
        self._server.close()

    def _keep(self) -> None:
        while not self._closing:
            try:
                seconds = self._look()
            except (ComponentCrash, Exception) as error:  # noqa: BLE001 - nobody else would keep it
                self._announce(EventKind.ERROR, f"the keeper of Redis failed: {error}")
                self._tried.set()
                seconds = _FAILED_SECONDS
            self._cache.suspicion.wait(seconds)
            self._cache.suspicion.clear()

    def _look(self) -> float:
        """Do what is needed now; return how long to wait before the next look."""
        if not self._server.alive:
            self._cache.doubt((), "Redis is down")
            self._gone_since = self._gone_since or time.monotonic()
            if self._held == "held down":
                return _LOOK_SECONDS
            return self._restart()
        if self._cache.admitted or self._held == "held down":
            return _LOOK_SECONDS
        return self._admit()

    def _restart(self) -> float:
        if self._starts and time.monotonic() - self._started_at < 1.0:
            self._short_lives = min(self._short_lives + 1, len(_BACKOFF_SECONDS) - 1)
        else:
            self._short_lives, self._gave_warning = 0, False
        if self._starts and self._short_lives < len(_BACKOFF_SECONDS) - 1:
            self._announce(EventKind.ERROR, "Redis died; a new, empty one is started")
        elif self._starts and not self._gave_warning:
            self._gave_warning = True
            self._announce(EventKind.ERROR, "Redis dies soon after each start; it is retried")
        time.sleep(_BACKOFF_SECONDS[self._short_lives])
        self._server.stop()
        self._server.start()
        reach("redis.start.after")
        self._starts += 1
        self._started_at = time.monotonic()
        self._silent_since = None
        return _RETRY_SECONDS

    def _admit(self) -> float:
        try:
            reach("redis.admit.before")
            admission = self._cache.admit()
            reach("redis.admit.after")
        except CacheError:
            return self._silent()
        seconds = time.monotonic() - (self._gone_since or self._silent_since or self._started_at)
        self._gone_since = self._silent_since = None
        if self._starts > 1 or self._tried.is_set():
            how = "empty" if admission.emptied else f"{admission.dropped:,} doubtful keys dropped"
            self._announce(EventKind.HEALED, f"Redis is back after {seconds:.2f} s: {how}")
        self._tried.set()
        return _LOOK_SECONDS

    def _silent(self) -> float:
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since > _HANG_SECONDS and self._held is None:
            self._announce(EventKind.ERROR, "Redis hangs; it is killed and started again")
            self._server.signal(signal.SIGKILL)
        return _RETRY_SECONDS if now - self._silent_since < _HANG_SECONDS else _LOOK_SECONDS

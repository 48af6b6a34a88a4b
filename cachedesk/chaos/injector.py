"""The fault injector: it injects and heals faults, and tracks which are active."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from cachedesk.chaos.catalog import Catalog
from cachedesk.chaos.impact import Figures, impact
from cachedesk.core.clock import wall_seconds
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import CachedeskError, Unavailable
from cachedesk.core.fault import Fault
from cachedesk.core.snapshot import FaultState
from cachedesk.observe.event_ring import EventRing


class FaultInjector:
    """The faults of one stack. Thread-safe. One fault at a time is injected or healed, which may
    take seconds; ``active`` and ``states`` never wait for it."""

    def __init__(
        self, faults: Iterable[Fault], ring: EventRing, figures: Callable[[], Figures]
    ) -> None:
        """Prepare.

        Args:
            faults: the faults that can be injected, in the order in which they are healed.
            ring: takes an event for each injection, healing and impact.
            figures: returns the current figures, from which an impact is computed.
        """
        self._faults = {fault.name: fault for fault in faults}
        self._catalog = Catalog(type(fault) for fault in self._faults.values())
        self._ring = ring
        self._figures = figures
        self._before: dict[str, Figures] = {}
        self._acting = threading.Lock()
        # Replaced as a whole, never modified, so that it can be read without a lock.
        self._since: dict[str, float] = {}
        self._deadlines: dict[str, float] = {}

    def offers(self, name: str) -> bool:
        """Return whether there is a fault ``name``."""
        return name in self._faults

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the lasting faults that were injected and have not ended."""
        self._update()
        return tuple(self._since)

    def states(self) -> tuple[FaultState, ...]:
        """Return the state of each fault."""
        self._update()
        since, deadlines = self._since, self._deadlines
        now, clock = wall_seconds(), time.monotonic()
        return tuple(
            FaultState(
                name=fault.name,
                title=fault.title,
                lasting=fault.lasting,
                argument=fault.argument,
                choices=fault.choices,
                obstacle=_ACTIVE if fault.name in since else fault.obstacle(),
                since_at=since.get(fault.name),
                until_at=now + deadlines[fault.name] - clock if fault.name in deadlines else None,
            )
            for fault in self._faults.values()
        )

    def inject(self, text: str, seconds: float | None = None) -> str:
        """Inject a fault and return a sentence that describes the result.

        Args:
            text: the fault, ``name`` or ``name:argument``.
            seconds: heal it after this time; ``None``: it stays until ``heal`` is called.

        Raises:
            ConfigError: there is no such fault (the message suggests a similar name), or it cannot
                last for ``seconds``.
            CachedeskError: it cannot be injected now; nothing is broken.
        """
        name, argument = self._catalog.parsed(text)
        fault = self._faults[name]
        if seconds is not None:
            self._catalog.check_duration(name, seconds)
        with self._acting:
            self._record_ended()
            obstacle = _ACTIVE if name in self._since else fault.obstacle(argument)
            if obstacle:
                raise Unavailable(f"{name} cannot be injected now: {obstacle}")
            before = self._figures()
            sentence = fault.inject(argument)
            lasts_seconds = seconds if fault.lasting else None
            if fault.lasting:
                self._before[name] = before
                if seconds is not None:
                    self._deadlines = {**self._deadlines, name: time.monotonic() + seconds}
                self._since = {**self._since, name: wall_seconds()}
            self._ring.begin(name, lasting=fault.lasting)
            return self._ring.add(
                EventCode.FAULT_INJECTED,
                fault=name,
                argument=argument,
                seconds=lasts_seconds,
                result=sentence,
            )

    def heal(self, text: str | None = None) -> str:
        """Heal one fault, or all that can be healed; return a sentence that names them.

        Args:
            text: the fault; ``None``: all faults.

        Raises:
            ConfigError: there is no such fault; the message suggests a similar name.
            Unavailable: the given fault cannot be healed now.
        """
        only = None if text is None else self._catalog.parsed(text)[0]
        with self._acting:
            self._record_ended()
            healed: list[str] = []
            disarmed: list[str] = []
            failed: list[str] = []
            for fault in self._faults.values() if only is None else (self._faults[only],):
                points = fault.armed()  # of several, each is an incident of its own
                try:
                    fault.heal()
                except CachedeskError as error:
                    failed.append(f"{fault.name} cannot be healed now: {error}")
                    continue
                if self._forget(fault.name):
                    healed.append(fault.name)
                if points:
                    disarmed.append(fault.name)
                for point in points:
                    self._ring.add(EventCode.FAULT_DISARMED, fault=fault.name, point=point)
            if healed:
                self._ring.add(EventCode.FAULT_HEALED, faults=tuple(healed))
                self._report_impact(healed)
        if only is not None:
            if failed:
                raise Unavailable(failed[0])
            done = "healed" if healed else "disarmed" if disarmed else ""
            return f"{done}: {only}" if done else f"{only} is not active"
        results = [f"healed: {', '.join(healed)}"] if healed else []
        results += [f"disarmed: {', '.join(disarmed)}"] if disarmed else []
        return "; ".join(results + failed) or "nothing is broken"

    def missed(self, text: str) -> str:
        """Return why the injected fault ``text`` has had no effect yet; empty once it has."""
        name, argument = self._catalog.parsed(text)
        return self._faults[name].missed(argument)

    def heal_expired(self) -> None:
        """Heal the faults whose time is up. A fault that cannot be healed yet is retried at the
        next call."""
        if not self._deadlines or self._acting.locked():
            return
        with self._acting:
            now = time.monotonic()
            for name in [name for name, at in self._deadlines.items() if at <= now]:
                try:
                    self._faults[name].heal()
                except CachedeskError:
                    continue
                if self._forget(name):
                    self._ring.add(EventCode.FAULT_EXPIRED, fault=name)
                    self._report_impact((name,))

    def _update(self) -> None:
        """Record the faults that ended by themselves, unless a call that will do so is under
        way."""
        if self._since and not self._acting.locked():
            with self._acting:
                self._record_ended()

    def _record_ended(self) -> None:
        for name in tuple(self._since):
            if why := self._faults[name].over():
                self._faults[name].heal()
                self._forget(name)
                self._ring.add(EventCode.FAULT_ENDED, fault=name, reason=why)
                self._report_impact((name,))

    def _report_impact(self, names: Iterable[str]) -> None:
        after = self._figures()
        for name in names:
            self._ring.add(
                EventCode.FAULT_IMPACT, fault=name, **impact(self._before.pop(name), after)
            )

    def _forget(self, name: str) -> bool:
        """Record that ``name`` is no longer active; return whether it was."""
        if name not in self._since:
            return False
        self._since = {each: at for each, at in self._since.items() if each != name}
        self._deadlines = {each: at for each, at in self._deadlines.items() if each != name}
        self._ring.end(name)
        return True


_ACTIVE = "it is active already; heal it first"

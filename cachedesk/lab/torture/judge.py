"""The judge: it compares what the process under test left behind with what was promised."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import psutil

from cachedesk.engine.directory import DataDirectory
from cachedesk.engine.errors import CachedeskError
from cachedesk.engine.events import Row
from cachedesk.engine.layer import truth
from cachedesk.engine.stack import Stack, Vault
from cachedesk.lab.torture import plan
from cachedesk.lab.torture.expected import Expected
from cachedesk.lab.torture.subject import random_settings


class Judge:
    """What every key is worth, as far as is certain."""

    def __init__(self, seed: int, data: Path, expected: Path) -> None:
        self._seed = seed
        self._data = data
        self._expected = Expected(expected)
        self.base: list[tuple[int, bytes | None]] = [(0, None)] * plan.KEYS

    def tallies(self) -> tuple[int, int, int]:
        """Return the sums of (acknowledged writes, checked reads, unavailable calls)."""
        return self._expected.tallies()

    def examine(self) -> list[str]:
        """Recover the files, compare the truth with what was promised, and return every broken
        promise as a sentence. What was uncertain is certain afterwards."""
        if not self._data.exists():
            return []
        try:
            directory = DataDirectory(self._data)
        except CachedeskError as error:
            return [f"the data directory cannot be locked: {error}"]
        try:
            vault = Vault(directory)
        except CachedeskError as error:
            directory.close()
            return [f"the files cannot be recovered: {error}"]
        try:
            values = dict(truth(vault.pending, vault.database))
            rows = dict(vault.database.scan())
            pending = vault.pending.all()
        finally:
            vault.close()
            directory.close()
        seqs = {
            key: max(rows.get(key, Row(None, 0)).seq, *(event.seq for event in events), 0)
            for key, events in pending.items()
        }
        return self._compare(values, {key: row.seq for key, row in rows.items()} | seqs)

    def drain(self, cycle_seed: int) -> list[str]:
        """Open the whole stack, read every key through it, drain, close, check both files and
        that nothing is left behind; return every broken promise as a sentence."""
        broken: list[str] = []
        before = psutil.Process().num_fds()
        with Stack(self._data, random_settings(cycle_seed)).layer as layer:
            for index, (_, value) in enumerate(self.base):
                key = plan.key_name(index)
                for _ in range(2):
                    if (found := layer.get(key)) != value:
                        broken.append(f"{key!r} read {found!r}, not {value!r}, after recovery")
            layer.drain(30)
            books = layer.snapshot().books
            if not books.balanced or books.pending or books.dead:
                broken.append(f"the books after the drain: {books}")
        for path in (self._data / "cachedesk.db", self._data / "log" / "log.db"):
            broken += _integrity(path)
        broken += [f"{path.name} was left behind" for path in self._data.glob("redis.state")]
        if (after := psutil.Process().num_fds()) != before:
            broken.append(f"{after - before} file descriptors were left open")
        return broken + self.examine()

    def _compare(self, values: dict[bytes, bytes], seqs: dict[bytes, int]) -> list[str]:
        broken: list[str] = []
        for index in range(plan.KEYS):
            key = plan.key_name(index)
            attempted, acknowledged, seq = self._expected.key(index)
            candidates = self._candidates(index, attempted)
            value = values.pop(key, None)
            fitting = [
                version
                for version in range(attempted, acknowledged - 1, -1)
                if candidates[version] == value
            ]
            if not fitting:
                broken.append(
                    f"{key!r} is {value!r}; acknowledged version {acknowledged} is"
                    f" {candidates[acknowledged]!r} (attempted {attempted}, seq {seq})"
                )
                fitting = [acknowledged]
            elif seqs.get(key, seq) < seq:
                broken.append(f"{key!r} is at seq {seqs[key]}, {seq} was acknowledged")
            self._expected.settle(index, fitting[0])
            self.base[index] = (fitting[0], candidates[fitting[0]])
        for counter in range(plan.COUNTERS):
            broken += self._compare_counter(counter, int(values.pop(plan.counter_name(counter), 0)))
        return broken + [f"{key!r} was never written" for key in values]

    def _compare_counter(self, counter: int, value: int) -> list[str]:
        least, most = self._expected.bounds(counter)
        uncertain = value - least
        for client in range(plan.CLIENTS):
            attempted, acknowledged = self._expected.count(client, counter)
            if attempted > acknowledged:
                count = attempted if uncertain > 0 else acknowledged
                uncertain -= count - acknowledged
                self._expected.attempt_count(client, counter, count)
                self._expected.acknowledge_count(client, counter, count)
        if least <= value <= most:
            return []
        return [f"the counter {counter} is {value}, not {least} to {most}"]

    def _candidates(self, index: int, last: int) -> dict[int, bytes | None]:
        version, value = self.base[index]
        candidates = {version: value}
        while version < last:
            version += 1
            value, _ = plan.after(value, plan.write(self._seed, index, version))
            candidates[version] = value
        return candidates


def wait_for_orphans(data: Path, seconds: float = 5.0) -> list[str]:
    """Wait until no redis-server of ``data`` runs any more; return a sentence if one stays."""
    deadline = time.monotonic() + seconds
    try:
        state = (data / "redis.state").read_text()
    except FileNotFoundError:
        return []
    while orphans := [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(
            "redis.sock" in word and _folder(word) in state
            for word in process.info["cmdline"] or ()
        )
    ]:
        if time.monotonic() > deadline:
            return [f"redis-server {orphans} outlived its parent"]
        psutil.wait_procs([psutil.Process(pid) for pid in orphans if psutil.pid_exists(pid)], 0.05)
    return []


def _folder(word: str) -> str:
    return word.removeprefix("unixsocket:").rsplit("/", 1)[0]


def _integrity(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()
    return [] if answer == "ok" else [f"{path.name}: {answer}"]

"""Recovery: a process is killed with SIGKILL; what it acknowledged is there, once."""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cachedesk.core.errors import DataDirectoryError, InUse
from cachedesk.core.events import Entry, Op, change
from cachedesk.core.failpoints import POINTS
from cachedesk.stack.stack import Stack
from tests.forked import Forked

from . import scenarios, victim
from .scenarios import PATIENT, running
from .until import Task, until

pytestmark = pytest.mark.slow

ENOUGH = 5
"""A cycle counts only if so many calls were acknowledged before the kill."""

Model = dict[bytes, bytes]


class Victim:
    """A victim process and the account that it keeps."""

    def __init__(self, folder: Path, seed: int, failpoints: str = "", boot: str = "") -> None:
        """Start it on ``folder``/data; ``boot``: failpoints that are armed before it opens."""
        self.seed = seed
        self._account = folder / f"account-{seed}"
        self._account.write_bytes(bytes(victim.SIZE))
        self._process = Forked(
            folder / f"said-{seed}",
            victim.main,
            str(folder / "data"),
            str(self._account),
            seed,
            failpoints,
            boot,
        )

    @property
    def ready(self) -> bool:
        """Whether it has begun to write, or ended."""
        begun = self._account.read_bytes()[victim.READY] == 1
        return begun or self._process.exit_code is not None

    @property
    def acknowledged(self) -> int:
        """How many calls of it returned."""
        return sum(returned for _, returned in self.account())

    def account(self) -> list[tuple[int, int]]:
        """Return, for each thread, how many calls were begun and how many returned."""
        data = self._account.read_bytes()
        return [
            victim.PAIR.unpack_from(data, thread * victim.PAIR.size)
            for thread in range(victim.THREADS)
        ]

    def kill(self) -> None:
        """SIGKILL it, unless it died before."""
        self._process.kill()

    def wait(self) -> None:
        """Wait for its death by SIGKILL, and for nothing else."""
        ended = self._process.wait(120)
        assert ended == -signal.SIGKILL, self._process.said()[-2_000:]


def outcomes(account: list[tuple[int, int]], seed: int, before: Model) -> list[Model]:
    """Return what may be true after the death: each acknowledged call applied, and each call
    that had begun applied whole or not at all."""
    possible = []
    for extra in itertools.product(*([0, 1] if begun > done else [0] for begun, done in account)):
        model = dict(before)
        for thread, (_, done) in enumerate(account):
            for _, operations in itertools.islice(victim.calls(seed, thread), done + extra[thread]):
                for name, key, *argument in operations:
                    value = b"%d" % argument[0] if name == "set" else (*argument, None)[0]
                    found = Entry(model.pop(key, None))
                    after, _ = change(found, Op[name.upper()], value, 0.0)
                    if after is not None:
                        model[key] = after
        possible.append(model)
    return possible


def judge(data: Path, dead: Victim, before: Model) -> Model:
    """Open the directory after the death and compare the truth with the account."""
    possible = outcomes(dead.account(), dead.seed, before)
    with running(data) as stack:
        cache = stack.layer
        before_the_flush = dict(cache.items())
        assert before_the_flush in possible
        assert dict(zip(before_the_flush, cache.get_many(before_the_flush), strict=True)) == (
            before_the_flush
        )
        cache.drain(60)
        cache.evict("*")
        assert dict(cache.items()) == before_the_flush
        books = stack.snapshot().books
        assert books.balanced
        assert (books.pending, books.dead) == (0, 0)
        seqs = [row.seq for _, row in cache._truth.database.scan()]
        newest = cache.set("after the crash", b"x").seq
        assert newest > max(seqs, default=0)
        cache.delete("after the crash")
        if stack.snapshot().events:
            assert any("after an unclean stop" in event.text for event in stack.snapshot().events)
    return before_the_flush


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_again_and_again(tmp_path: Path, seed: int) -> None:
    truth: Model = {}
    for cycle in range(2):
        it = Victim(tmp_path, seed * 10 + cycle)
        until(lambda it=it: it.ready)
        enough = random.Random(seed * 10 + cycle).randrange(ENOUGH, 150)
        until(lambda it=it, enough=enough: it.acknowledged >= enough)
        it.kill()
        it.wait()
        truth = judge(tmp_path / "data", it, truth)


WRITING = [
    point
    for point in POINTS
    if point.startswith(("log.", "behind.", "through.", "worker."))
    and not point.startswith(("worker.trim", "worker.purge"))
]


@pytest.mark.parametrize("point", WRITING)
def test_killed_at_each_point_of_a_write(tmp_path: Path, point: str) -> None:
    # At the tenth batch, since a batch is one event where the worker is faster than the writers.
    times = 9 if point.startswith("worker.") else 12
    it = Victim(tmp_path, 100 + WRITING.index(point), f"{point}={times}*off->kill")
    it.wait()
    assert it.acknowledged >= ENOUGH
    judge(tmp_path / "data", it, {})


@pytest.mark.parametrize(
    "point", ["boot.log.after", "boot.index.mid", "boot.witness.after", "worker.apply.after_commit"]
)
def test_killed_again_while_it_recovers(tmp_path: Path, point: str) -> None:
    first = Victim(tmp_path, 7, "log.append.after_commit=30*off->kill;worker.read.after=pause")
    first.wait()
    assert first.acknowledged >= ENOUGH
    again = Victim(tmp_path, 8, boot=f"{point}=kill")
    again.wait()
    begun = sum(begun for begun, _ in again.account())
    if point.startswith("boot."):
        assert begun == 0
        judge(tmp_path / "data", first, {})
    else:
        possible = [
            model
            for before in outcomes(first.account(), first.seed, {})
            for model in outcomes(again.account(), again.seed, before)
        ]
        with running(tmp_path / "data") as stack:
            assert dict(stack.layer.items()) in possible
            stack.layer.drain(60)
            assert dict(stack.layer.items()) in possible


@pytest.mark.parametrize("point", ["boot.database.after", "boot.log.after", "boot.epoch.before"])
def test_killed_while_the_directory_is_made(tmp_path: Path, point: str) -> None:
    it = Victim(tmp_path, 9, boot=f"{point}=kill")
    it.wait()
    with running(tmp_path / "data") as stack:
        assert stack.layer.incr("views:1") == 1


def test_the_truth_is_right_at_once_after_a_kill(tmp_path: Path) -> None:
    """As after a kill: the directory is copied while it is open, pending events and all."""
    with running(tmp_path / "data", PATIENT) as stack:
        stack.layer.set("session:1", b"through", policy=scenarios.THROUGH)
        stack.layer.set("session:1", b"logged")
        stack.layer.incr("views:1", 3)
        scenarios.copy_as_after_a_kill(tmp_path / "data", tmp_path / "copy")
    with running(tmp_path / "copy", PATIENT) as stack:
        recovered = [event.text for event in stack.snapshot().events]
        assert any("recovered 2 pending events after an unclean stop" in it for it in recovered)
        assert stack.snapshot().books.pending == 2
        read = stack.layer.read("session:1")
        assert (read.value, read.source, read.pending) == (b"logged", "overlay", 1)
        assert stack.layer.incr("views:1") == 4


def test_a_clean_stop_is_not_called_unclean(tmp_path: Path) -> None:
    with running(tmp_path, PATIENT) as stack:
        stack.layer.incr("views:1")
    with running(tmp_path, PATIENT) as stack:
        (event,) = stack.snapshot().events
        assert "recovered 1 pending events after the last stop" in event.text
        stack.layer.drain(60)
    with running(tmp_path, PATIENT) as stack:
        assert stack.snapshot().events == ()


def test_seqs_go_on_after_a_restart(tmp_path: Path) -> None:
    seqs = []
    for policy in (scenarios.THROUGH, scenarios.BEHIND, scenarios.THROUGH, scenarios.BEHIND):
        with running(tmp_path) as stack:
            seqs.append(stack.layer.write(("incr", "mixed"), policy=policy).seq)
    assert seqs == sorted(set(seqs))
    with running(tmp_path) as stack:
        assert stack.layer.get("mixed") == b"4"


def test_a_second_stack_names_the_process_of_the_first(tmp_path: Path) -> None:
    scenarios.one_process_per_directory(tmp_path)


def test_in_use_by_another_process_and_free_after_its_death(tmp_path: Path) -> None:
    it = Victim(tmp_path, 11, "log.append.before=pause;through.begin.before=pause")
    until(lambda: it.ready)
    with pytest.raises(InUse, match=rf"in use by process {it._process.pid};"):
        Stack(tmp_path / "data")
    it.kill()
    it.wait()
    with running(tmp_path / "data") as stack:
        assert dict(stack.layer.items()) == {}


def test_a_lock_that_outlives_its_process_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """A child that was just forked holds the descriptor until it becomes another program; its
    parent, whom the lock names, is dead already."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    with running(tmp_path):
        pass
    (tmp_path / "lock").write_text(f"{gone.pid}\n")
    with (tmp_path / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opening = Task(Stack, tmp_path)
        opening.join(0.02)
        fcntl.flock(lock, fcntl.LOCK_UN)
        opening.result().close()


def a_file(folder: Path) -> Path:
    path = folder / "file"
    path.write_bytes(b"mine")
    return path


UNUSABLE: list[tuple[str, Callable[[Path], Path | str]]] = [
    ("a file", a_file),
    ("under a file", lambda folder: a_file(folder) / "data"),
    ("a name too long", lambda folder: folder / ("x" * 300)),
    ("a NUL in the name", lambda folder: f"{folder}/a\0b"),
]


@pytest.mark.parametrize("make", [make for _, make in UNUSABLE], ids=[name for name, _ in UNUSABLE])
def test_an_unusable_directory_is_one_clear_error(
    tmp_path: Path, make: Callable[[Path], Path | str]
) -> None:
    path = make(tmp_path)
    before = sorted((it, it.is_file() and it.read_bytes()) for it in tmp_path.rglob("*"))
    with pytest.raises(DataDirectoryError):
        Stack(path).close()
    assert sorted((it, it.is_file() and it.read_bytes()) for it in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "is_folder"),
    [
        ("log", False),
        ("cachedesk.db", True),
        ("log/witness", True),
        ("log/witness", False),
        ("log/log.db", True),
        ("lock", True),
    ],
    ids=lambda it: it if isinstance(it, str) else ("folder" if it else "file"),
)
def test_a_name_of_ours_that_is_something_else_is_one_clear_error(
    tmp_path: Path, name: str, is_folder: bool
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if is_folder else path.write_bytes(b"something else")
    with pytest.raises(DataDirectoryError):
        Stack(tmp_path).close()
    assert path.is_dir() if is_folder else path.read_bytes() == b"something else"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; run as a user")
def test_a_directory_that_is_not_writable_is_one_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataDirectoryError, match="cannot be"):
            Stack(tmp_path).close()
    finally:
        tmp_path.chmod(0o700)


def test_a_copy_of_a_running_directory_leaves_the_original_alone(tmp_path: Path) -> None:
    """A backup is opened beside the original, state file of the server and all."""
    with running(tmp_path / "data") as stack:
        stack.layer.set("order:1", b"x")
        pid = stack.snapshot().redis.pid
        shutil.copytree(tmp_path / "data", tmp_path / "copy")
        with running(tmp_path / "copy") as copy:
            assert copy.layer.get("order:1") == b"x"
        assert stack.snapshot().redis.pid == pid
        assert stack.layer.read("order:1").source == "redis"

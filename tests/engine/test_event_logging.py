"""Every event reaches ``logging``, and no handler can harm the stack."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cachedesk
from cachedesk.core.commands import EvictKey, Heal, Inject, PauseWorker
from cachedesk.core.engine_event import SPECS, EngineEvent, EventCode
from cachedesk.core.snapshot import EventKind
from cachedesk.observe import event_logging
from cachedesk.observe.event_logging import LEVELS, EventLogger, attributes, logger_of
from cachedesk.stack.stack import Stack

from .until import until

OpenStack = Callable[..., Stack]
Handle = Callable[[logging.LogRecord], None]

DOCUMENT = Path(cachedesk.__file__).parents[1] / "assets" / "docs" / "logging-and-events.md"


class Handler(logging.Handler):
    """Keeps every record, and then does something with it."""

    def __init__(self, then: Handle | None = None) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self.then = then

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        if self.then is not None:
            self.then(record)

    def codes(self) -> list[str]:
        """The codes of what came, in order."""
        return [vars(record)["cachedesk_code"] for record in self.records]


@pytest.fixture
def handler() -> Iterator[Handler]:
    """A handler that gets all that cachedesk logs."""
    logger, handler = logging.getLogger("cachedesk"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_an_event_is_a_record_with_its_code_and_fields(stack: Stack, handler: Handler) -> None:
    stack.layer.set("order:1", b"paid")
    stack.perform(EvictKey(b"order:1"))
    until(lambda: handler.records)
    (record,) = handler.records
    assert (record.name, record.levelno) == ("cachedesk.redis", logging.INFO)
    assert record.getMessage() == "order:1 was evicted from Redis"
    told = {name: value for name, value in vars(record).items() if name.startswith("cachedesk_")}
    assert told == {
        "cachedesk_code": "redis.key_evicted",
        "cachedesk_kind": "info",
        "cachedesk_at": stack.snapshot().events[-1].at,
        "cachedesk_directory": str(stack.place.path),
        "cachedesk_key": "order:1",
        "cachedesk_found": True,
    }
    assert record.threadName == "event-log"


def test_the_level_is_by_the_kind(stack: Stack, handler: Handler) -> None:
    assert set(LEVELS) == set(EventKind)
    stack.perform(Inject("redis.kill"))
    until(lambda: "redis.back" in handler.codes())
    levels = dict(zip(handler.codes(), (it.levelno for it in handler.records), strict=True))
    assert levels["fault.injected"] == logging.WARNING
    assert levels["redis.died"] == logging.ERROR
    assert levels["redis.back"] == logging.INFO


def test_what_simply_works_logs_nothing(stack: Stack, handler: Handler) -> None:
    for number in range(50):
        stack.layer.set(f"views:{number}", b"1")
        stack.layer.get(f"views:{number}")
    stack.layer.get_many([f"views:{number}" for number in range(50)])
    stack.layer.drain(60)
    stack.close()
    assert handler.codes() == []
    assert "event-log" not in {thread.name for thread in threading.enumerate()}


def test_what_was_announced_before_a_close_is_logged(open_stack: OpenStack) -> None:
    handler = Handler()
    logging.getLogger("cachedesk.worker").addHandler(handler)
    logging.getLogger("cachedesk.worker").setLevel(logging.INFO)
    try:
        for _ in range(3):
            stack = open_stack()
            stack.perform(PauseWorker())
            stack.close()
    finally:
        logging.getLogger("cachedesk.worker").removeHandler(handler)
        logging.getLogger("cachedesk.worker").setLevel(logging.NOTSET)
    assert handler.codes() == ["worker.paused"] * 3


def test_a_program_that_configured_nothing_sees_nothing(tmp_path: Path) -> None:
    program = f"""
from cachedesk.core.commands import Inject
from cachedesk.stack.stack import Stack
stack = Stack({str(tmp_path / "data")!r})
stack.perform(Inject("redis.kill"))
stack.close()
print(*(event.code for event in stack.event_ring.events()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fault.injected" in done.stdout
    assert done.stderr == ""


# -- handlers that misbehave -----------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("a bad handler"), SystemExit(3)], ids=repr)
def test_a_handler_that_raises_ends_nothing(
    stack: Stack, handler: Handler, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(record: logging.LogRecord) -> None:
        raise error

    handler.then = fail
    for _ in range(3):
        stack.perform(PauseWorker())
    until(lambda: len(handler.records) == 3)
    stack.layer.set("order:1", b"paid")
    assert stack.layer.get("order:1") == b"paid"
    stack.close()
    assert capsys.readouterr().err.count("Traceback") == 3


def test_a_handler_may_use_the_stack_that_it_logs(stack: Stack, handler: Handler) -> None:
    """A fault is announced while the lock of all faults is held, which to heal takes as well."""

    def heal(record: logging.LogRecord) -> None:
        code = vars(record)["cachedesk_code"]
        stack.layer.write(("set", f"log:{code}", record.getMessage()), policy="write-through")
        if code == "fault.injected":
            stack.perform(Heal())

    handler.then = heal
    stack.perform(Inject("worker.crash:worker.read.after"))
    stack.perform(Inject("redis.squeeze"))
    until(lambda: "fault.impact" in handler.codes())
    until(lambda: stack.layer.get("log:fault.healed") is not None)
    assert not stack.faults.active


def test_a_handler_may_close_the_stack(stack: Stack, handler: Handler) -> None:
    handler.then = lambda record: stack.close()
    stack.perform(PauseWorker())
    until(lambda: handler.records and not _is_logging())
    with pytest.raises(cachedesk.Closed):
        stack.layer.get("order:1")


def test_a_handler_that_logs_to_cachedesk_does_not_go_round(stack: Stack, handler: Handler) -> None:
    def log_again(record: logging.LogRecord) -> None:
        if record.name != "cachedesk":
            extra = {"cachedesk_code": "mine"}
            logging.getLogger("cachedesk").warning("seen %s", record.name, extra=extra)

    handler.then = log_again
    stack.perform(PauseWorker())
    until(lambda: len(handler.records) == 2)
    assert handler.codes() == ["worker.paused", "mine"]


def test_a_handler_that_hangs_holds_nothing_up(
    open_stack: OpenStack, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_logging, "_CLOSE_SECONDS", 0.01)
    stack, release = open_stack(), threading.Event()
    handler.then = lambda record: print(release.wait())
    try:
        for number in range(5):
            stack.perform(PauseWorker())
            stack.layer.set(f"order:{number}", b"paid")
            assert stack.layer.get(f"order:{number}") == b"paid"
        stack.close()
        assert handler.codes() == ["worker.paused"]
    finally:
        release.set()
    until(lambda: len(handler.records) == 5 and not _is_logging())


def test_what_too_slow_handlers_miss_is_counted(
    handler: Handler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(event_logging, "MOST_WAITING", 10)
    release = threading.Event()
    handler.then = lambda record: print(release.wait())
    events = EventLogger(tmp_path)
    events.forward(EngineEvent(EventCode.REDIS_HUNG))
    until(lambda: handler.records)
    for _ in range(15):
        events.forward(EngineEvent(EventCode.WORKER_RESUMED))
    release.set()
    events.close()
    until(lambda: not _is_logging())
    assert handler.codes().count("worker.resumed") == 10
    (told,) = (record for record in handler.records if "dropped" in vars(record)["cachedesk_code"])
    assert vars(told)["cachedesk_count"] == 5


def test_no_thread_can_be_started_and_later_one_can(
    handler: Handler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    events = EventLogger(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        events.forward(EngineEvent(EventCode.REDIS_HUNG))
    events.forward(EngineEvent(EventCode.WORKER_RESUMED))
    events.close()
    until(lambda: handler.codes() == ["redis.hung", "worker.resumed"])


def _is_logging() -> bool:
    return any(thread.name == "event-log" for thread in threading.enumerate())


# -- names and the document ------------------------------------------------------------------------


def test_no_attribute_collides() -> None:
    """``logging`` raises ``KeyError`` for an attribute of its own; a field must not hide ours."""
    record = logging.makeLogRecord({})
    for code, spec in SPECS.items():
        told = attributes(EngineEvent(code, dict.fromkeys(spec.fields)), "data")
        assert not told.keys() & vars(record).keys()
        assert len(told) == len(spec.fields) + 4, code
        assert logger_of(code).name == f"cachedesk.{code.split('.')[0]}"


def test_the_document_lists_each_code_with_its_level_and_fields() -> None:
    text = DOCUMENT.read_text()
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| ([A-Z]+) \| (.*?) \| (.+) \|$", text, re.M)
    listed = {
        code: (level, tuple(re.findall(r"`(\w+)`", fields))) for code, level, fields, _ in rows
    }
    assert [code for code, *_ in rows] == sorted(listed)
    assert listed == {
        code.value: (logging.getLevelName(LEVELS[spec.kind]), spec.fields)
        for code, spec in SPECS.items()
    }


def test_the_example_of_the_document_works(tmp_path: Path) -> None:
    example = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.S)[1]
    program = f"""{example}
import time
from cachedesk.core.commands import Inject
from cachedesk.stack.stack import Stack
stack = Stack("data")
stack.perform(Inject("redis.kill"))
while not any(event.code == "redis.died" for event in stack.event_ring.events()):
    time.sleep(0.01)
stack.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = (tmp_path / "cachedesk.jsonl").read_text().splitlines()
    assert any('"code": "redis.died"' in line for line in lines)
    assert not any("fault." in line for line in lines)

"""The desk pulls off the event loop, one pull at a time, and says when the source is lost."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from cachedesk.core.snapshot import Books
from cachedesk.desk import pulling

from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text, until
from .scenes import HEALTHY


def with_books(accepted: int):
    return replace(HEALTHY, books=Books(accepted, accepted, 0, 0))


def test_the_timer_shows_what_is_new():
    source = ChangingSource(with_books(111))
    app = desk(source=source, hz=20)

    async def script(pilot):
        await until(pilot, lambda: "accepted 111" in screen_text(app), "the first is shown")
        source.value = with_books(222)
        await until(pilot, lambda: "accepted 222" in screen_text(app), "the second is shown")

    drive(app, script)


def test_freezing_stops_the_display_and_not_the_pulling():
    source = ChangingSource(with_books(111))
    app = desk(source=source, hz=20)

    async def script(pilot):
        await until(pilot, lambda: "accepted 111" in screen_text(app), "the first is shown")
        await pilot.press("space")
        assert "15:30:00 · 0.0 s back" in screen_text(app)
        source.value = with_books(222)
        await until(pilot, lambda: app.desk.latest == source.value, "the second was pulled")
        pulls = source.pulls
        await until(pilot, lambda: source.pulls > pulls + 3, "pulling goes on")
        assert "accepted 111" in screen_text(app)
        await pilot.press("space")
        await pilot.pause()
        assert "accepted 222" in screen_text(app)
        assert "FROZEN" not in screen_text(app)

    drive(app, script)


class SlowSource:
    """Answers only when told to; remembers how many asked at once, and on which thread."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.inside = self.most_inside = self.pulls = 0
        self.threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def snapshot(self):
        with self._lock:
            self.inside += 1
            self.pulls += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.threads.append(threading.current_thread())
        self.release.wait(60)
        with self._lock:
            self.inside -= 1
        return HEALTHY


def test_two_pulls_never_overlap_and_a_blocked_source_blocks_nothing():
    source = SlowSource()
    app = desk(source=source, hz=40)

    async def script(pilot):
        await until(pilot, lambda: source.inside == 1, "the first pull is under way")
        ticked = []
        app.set_interval(0.01, lambda: ticked.append(time.monotonic()))
        await until(pilot, lambda: len(ticked) >= 20, "the timers of the app run")
        await pilot.press("question_mark")
        assert app.screen is not app.desk
        await pilot.press("escape")
        assert source.pulls == 1
        source.release.set()
        await until(pilot, lambda: source.pulls >= 5, "pulling goes on")

    drive(app, script)
    assert source.most_inside == 1
    assert threading.main_thread() not in source.threads


def test_a_source_that_hangs_is_shown_as_lost_and_does_not_keep_the_desk_from_quitting(monkeypatch):
    monkeypatch.setattr(pulling, "PATIENCE_SECONDS", 0.05)
    source = SlowSource()
    app = desk(source=source, hz=40)

    async def script(pilot):
        await until(pilot, lambda: "source lost: no answer" in screen_text(app), "it is said")

    drive(app, script)
    assert source.inside == 1, "the desk is gone and the source still hangs"
    assert source.threads[0].daemon, "the process need not wait for it either"
    source.release.set()


class BrokenSource(ChangingSource):
    """Raises while ``error`` is set."""

    error: Exception | None = None

    def snapshot(self):
        if self.error is not None:
            raise self.error
        return super().snapshot()


def test_a_source_that_raises_is_lost_until_it_answers_again():
    source = BrokenSource(with_books(111))
    app = desk(RecordingControl(), source, hz=20)

    async def script(pilot):
        await until(pilot, lambda: "accepted 111" in screen_text(app), "the first is shown")
        source.error = RuntimeError("the [socket] is gone")
        await until(pilot, lambda: app.desk.lost != "", "the loss was noticed")
        await pilot.pause()
        text = screen_text(app)
        assert "source lost: RuntimeError: the [socket] is gone" in text
        assert "shown is the state of 15:30:00" in text
        assert "accepted 111" in text
        source.error = None
        await until(pilot, lambda: app.desk.lost == "", "it is back")
        await pilot.pause()
        assert "source lost" not in screen_text(app)

    drive(app, script, (120, 40))


def test_a_source_that_never_answered_is_lost_from_the_first_frame():
    source = BrokenSource(HEALTHY)
    source.error = OSError("no such recording")
    app = desk(source=source)

    async def script(pilot):
        text = screen_text(app)
        assert "source lost: OSError: no such recording" in text
        assert "shown is" not in text

    drive(app, script)


def test_a_loss_is_shown_even_while_frozen():
    source = BrokenSource(HEALTHY)
    app = desk(source=source, hz=20)

    async def script(pilot):
        await until(pilot, lambda: app.desk.shown is not None, "something is shown")
        await pilot.press("space")
        source.error = RuntimeError("gone")
        await until(pilot, lambda: "source lost" in screen_text(app), "it is said")

    drive(app, script)

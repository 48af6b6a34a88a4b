"""Every key and every button sends its command, on a thread, and says what came of it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from textual.widgets import Input, OptionList

from cachedesk.core.commands import (
    EvictKey,
    Heal,
    Inject,
    PauseWorker,
    Record,
    ResumeWorker,
    StepWorker,
)
from cachedesk.core.errors import CachedeskError
from cachedesk.desk.actions import ACTIONS
from cachedesk.desk.screens.modal import Palette
from cachedesk.desk.widgets.action_bar import ActionButton

from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text, until
from .scenes import EMPTY, HEALTHY, FixedSource, paused

SENT = {
    "kill-redis": Inject("redis.kill"),
    "hold-redis-down": Inject("redis.down"),
    "crash-worker": Inject("worker.crash"),
    "lock-database": Inject("database.lock"),
    "heal": Heal(),
    "evict-key": EvictKey(b"views:article:1"),
    "pause-worker": PauseWorker(),
    "step-worker": StepWorker(),
}
OPENING = {"faults", "evict", "steer", "versus"}
"""What asks nothing of the stack by itself: it opens a screen on which one chooses."""
NAMING = {"record"}
"""What names a file by the clock."""
COMMANDING = [
    action for action in ACTIONS if action.commands and action.name not in OPENING | NAMING
]


def test_every_commanding_action_is_tested():
    assert {action.name for action in COMMANDING} == set(SENT)


def test_every_key_sends_its_command_once_on_another_thread():
    control = RecordingControl()

    async def script(pilot):
        for count, action in enumerate(COMMANDING, start=1):
            await pilot.press(action.key)
            await until(pilot, lambda count=count: len(control.commands) >= count, action.name)

    drive(desk(control), script)
    assert control.commands == [SENT[action.name] for action in COMMANDING]
    assert threading.main_thread() not in control.threads


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
def test_every_button_sends_its_command(size):
    control = RecordingControl()
    app = desk(control)
    there: list[str] = []

    async def script(pilot):
        for action in COMMANDING:
            if not app.desk.query_one(f"#action-{action.name}").display:
                continue
            there.append(action.name)
            assert await pilot.click(f"#action-{action.name}")
            await until(pilot, lambda: len(control.commands) == len(there), action.name)

    drive(app, script, size)
    assert control.commands == [SENT[name] for name in there]
    assert {"kill-redis", "crash-worker", "heal"} <= set(there)


def test_recording_begins_with_a_new_file_and_ends_when_one_is_recorded_to(tmp_path):
    control = RecordingControl()
    source = ChangingSource(HEALTHY)
    app = desk(control, source, folder=tmp_path)

    async def script(pilot):
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert [toast.message for toast in app._notifications] == ["Press q to leave the desk."]
        await pilot.press("S")
        await until(pilot, lambda: app.saved, "a picture")
        assert app.saved == [tmp_path / "pictures" / "desk-001.svg"]
        assert "</svg>" in app.saved[0].read_text(encoding="utf-8")
        await pilot.press("R")
        await until(pilot, lambda: len(control.commands) == 1, "it began")
        source.value = replace(HEALTHY, recording="x.rec")
        await until(pilot, lambda: app.desk.latest == HEALTHY, "pulled")
        app._puller.soon()
        await until(pilot, lambda: app.desk.latest == source.value, "pulled again")
        assert "recording" in screen_text(app)
        await pilot.press("R")
        await until(pilot, lambda: len(control.commands) == 2, "it ended")

    drive(app, script, (120, 40))
    began, ended = control.commands
    assert began == Record(str(tmp_path / "recordings" / "desk-001.rec"))
    assert ended == Record(None)


def test_p_lets_a_paused_worker_go_on():
    control = RecordingControl()

    async def script(pilot):
        await pilot.press("p")
        await until(pilot, lambda: control.commands != [], "the command came")

    drive(desk(control, FixedSource(paused(HEALTHY))), script)
    assert control.commands == [ResumeWorker()]


def test_evicting_without_any_key_says_so_and_sends_nothing():
    control = RecordingControl()
    app = desk(control, FixedSource(EMPTY))

    async def script(pilot):
        await pilot.press("e")
        await until(pilot, lambda: len(app._notifications) == 1, "a toast came")
        assert "no key" in screen_text(app)

    drive(app, script)
    assert control.commands == []


def test_what_was_done_is_shown_at_once_and_covered_by_nothing():
    source = ChangingSource(HEALTHY)
    app = desk(RecordingControl(), source)

    async def script(pilot):
        before = source.pulls
        await pilot.press("h")
        await until(pilot, lambda: source.pulls > before, "the screen asks again")
        assert len(app._notifications) == 0

    drive(app, script, (120, 40))


class Refusing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def perform(self, command):
        raise self.error


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (CachedeskError("Redis [is] already down"), "Not done"),
        (ZeroDivisionError("a [defect]"), "Failed unexpectedly"),
    ],
)
def test_an_error_becomes_a_toast_with_its_message_and_the_desk_goes_on(error, title):
    app = desk(Refusing(error))

    async def script(pilot):
        await pilot.press("k")
        await until(pilot, lambda: str(error) in screen_text(app), "the toast is drawn")
        assert title in screen_text(app)
        assert [note.severity for note in app._notifications] == ["error"]

    drive(app, script, (120, 40))


def test_a_slow_command_blocks_neither_the_desk_nor_the_next_command():
    release = threading.Event()

    class Slow(RecordingControl):
        def perform(self, command):
            said = super().perform(command)
            if isinstance(command, Heal):
                release.wait(60)
            return said

    control = Slow()
    app = desk(control)

    async def script(pilot):
        try:
            await pilot.press("h")
            await pilot.press("space")
            assert app.desk.frozen
            await pilot.press("space", "n")
            await until(pilot, lambda: StepWorker() in control.commands, "the second came")
        finally:
            release.set()

    drive(app, script)


def test_a_read_only_desk_has_no_commanding_key_button_or_help():
    app = desk(None)

    async def script(pilot):
        assert {button.action.name for button in app.screen.query(ActionButton)} == {
            action.name for action in ACTIONS if not action.commands
        }
        for action in COMMANDING:
            await pilot.press(action.key)
        assert len(app._notifications) == 0
        assert "read only" in screen_text(app)
        palette = {command.title for command in app.get_system_commands(app.screen)}
        assert not palette & {action.label.capitalize() for action in COMMANDING}
        await pilot.press("question_mark")
        await until(pilot, lambda: "Look at it" in screen_text(app), "help is open")
        assert "Break it" not in screen_text(app)

    drive(app, script)


def test_no_key_breaks_anything_while_help_is_open():
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        await pilot.press("question_mark")
        for action in COMMANDING:
            await pilot.press(action.key)
        await pilot.press("escape")
        assert app.screen is app.desk
        await pilot.press("h")
        await until(pilot, lambda: control.commands != [], "the desk listens again")

    drive(app, script)
    assert control.commands == [Heal()]


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
def test_quit(key):
    app = desk(RecordingControl())

    async def script(pilot):
        await pilot.press(key)
        await until(pilot, lambda: app._exit, "the desk is leaving")

    drive(app, script)


def test_the_command_palette_offers_every_action():
    app = desk(RecordingControl())

    async def script(pilot):
        titles = [command.title for command in app.get_system_commands(app.screen)]
        offered = [action for action in ACTIONS if action.name not in ("quit", "menu")]
        assert {action.title for action in offered if app.offers(action)} <= set(titles)
        assert {action.name for action in offered if not app.offers(action)} == {
            "look-play", "look-oldest", "look-live",
        }, "what has a meaning in the past only"  # fmt: skip
        assert len(titles) == len(set(titles))

    drive(app, script)


def test_the_palette_runs_a_command_once_however_often_enter_is_pressed():
    async def script(pilot):
        app = pilot.app
        app.action_command_palette()
        await until(pilot, lambda: isinstance(app.screen, Palette), "it is open")
        palette = app.screen
        palette.query_one(Input).value = "theme"
        await until(pilot, lambda: palette.query_one(OptionList).option_count > 0, "it is found")
        field = palette.query_one(Input)
        # As many as may wait on a slow machine while the palette goes away.
        for _ in range(12):
            field.post_message(Input.Submitted(field, field.value))
        await until(pilot, lambda: app.screen is not palette, "the themes are offered")
        await pilot.pause()
        assert len(app.screen_stack) == 2

    drive(desk(RecordingControl()), script)

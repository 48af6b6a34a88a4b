"""The notice: why there is no desk, said where the desk would be."""

from __future__ import annotations

from textual.pilot import Pilot

from cachedesk.desk.terminal.message_screen import MessageApp, MessageScreen
from cachedesk.desk.terminal.terminal_app import TerminalApp

from .piloting import RecordingControl, desk, drive, screen_text, until


def test_a_desk_that_cannot_be_opened_says_why_and_takes_no_command() -> None:
    control = RecordingControl()
    app = desk(control, hz=4)

    async def script(pilot: Pilot[None]) -> None:
        app.refusal = "the data directory is in use by [bold]process 7"
        await until(pilot, lambda: isinstance(app.screen, MessageScreen), "it is told")
        text = screen_text(app)
        assert "The desk cannot be opened" in text
        assert "in use by [bold]process 7" in text
        await pilot.press("k", "q")
        await until(pilot, lambda: app.return_code == 2, "it is left")

    drive(app, script)
    assert control.commands == []


def test_a_notice_without_a_desk() -> None:
    app: TerminalApp = MessageApp("This desk is open in another tab", "It opens here later.")

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "open in another tab" in screen_text(app), "it is shown")
        await pilot.press("escape")
        await until(pilot, lambda: app.return_code == 2, "it is left")

    drive(app, script)

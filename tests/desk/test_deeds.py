"""One list makes keys, buttons, help and palette."""

from __future__ import annotations

from cachedesk.desk.app import DeskApp
from cachedesk.desk.deeds import DEEDS, Group, deeds_for
from cachedesk.desk.panels import MEANINGS
from cachedesk.desk.screens.help import HelpScreen

from .piloting import RecordingControl, desk, drive, until


def test_names_and_keys_are_unique():
    assert len({deed.name for deed in DEEDS}) == len(DEEDS)
    assert len({deed.key for deed in DEEDS}) == len(DEEDS)


def test_every_action_exists():
    for deed in DEEDS:
        assert hasattr(DeskApp, f"action_{deed.action.partition('(')[0]}")


def test_every_deed_is_bound():
    keys = {deed.key for deed in DEEDS}
    assert {binding.key for binding in DeskApp.BINDINGS} == keys | {"ctrl+z"}


def test_a_read_only_desk_keeps_only_what_looks():
    kept = {deed.group for deed in deeds_for(read_only=True)}
    assert kept == {Group.LOOK, Group.PANELS}
    assert not any(deed.commands for deed in deeds_for(read_only=True))


def test_the_help_screen_has_every_key_and_every_panel_once():
    app = desk(RecordingControl())

    async def script(pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "help is open")
        terms = [str(term.render()) for term in app.screen.query(".term")]
        assert terms == [deed.shown_key for deed in DEEDS] + [name for name, _ in MEANINGS]
        for key in ("escape", "q"):
            await pilot.press(key)
            await until(pilot, lambda: app.screen is app.desk, "help is closed")
            await pilot.press("question_mark")

    drive(app, script, (120, 40))

"""One list makes keys, buttons, help and palette."""

from __future__ import annotations

from textual.geometry import Size

from cachedesk.desk.action_app import ActionApp
from cachedesk.desk.actions import ACTIONS, Group, actions_for
from cachedesk.desk.app import DeskApp
from cachedesk.desk.screens.help import MEANINGS, HelpScreen
from cachedesk.desk.widgets.prose import TERM, Prose, entry, heading, prose_lines

from .piloting import RecordingControl, desk, drive, until


def terms_of(content):
    """Return what is drawn as a term, without the empty cells of its column."""
    pieces = (content.plain[s.start : s.end] for s in content.spans if s.style == TERM)
    return " ".join(" ".join(pieces).split())


def test_names_and_keys_are_unique():
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)
    assert len({action.key for action in ACTIONS}) == len(ACTIONS)


def test_every_action_exists():
    for action in ACTIONS:
        assert hasattr(DeskApp, f"action_{action.app_action.partition('(')[0]}")


def test_every_action_is_bound():
    keys = {action.key for action in ACTIONS}
    bindings = (*DeskApp.BINDINGS, *ActionApp.BINDINGS)
    assert {binding.key for binding in bindings} == keys | {"ctrl+z"}


def test_a_read_only_desk_keeps_only_what_looks():
    kept = {action.group for action in actions_for(read_only=True)}
    assert kept == {Group.LOOK, Group.PANELS}
    assert not any(action.commands for action in actions_for(read_only=True))


def test_the_help_screen_has_every_key_and_every_panel_once():
    app = desk(RecordingControl())

    async def script(pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "help is open")
        drawn = [column.render() for column in app.screen.query(Prose)]
        terms = [*(action.shown_key for action in ACTIONS), *(name for name, _ in MEANINGS)]
        assert " ".join(map(terms_of, drawn)) == " ".join(terms)
        for key in ("escape", "q"):
            await pilot.press(key)
            await until(pilot, lambda: app.screen is app.desk, "help is closed")
            await pilot.press("question_mark")

    drive(app, script, (120, 40))


def test_each_line_of_a_meaning_stands_beside_its_term():
    passages = (heading("Look"), entry("key", "one two three four", 5), entry("abcdefg", "x", 5))
    lines = [line.plain.rstrip() for line in prose_lines(passages, 15)]
    assert lines == ["", "Look", "key  one two", "     three four", "abcdex", "fg"]
    assert Prose(passages).get_content_height(Size(15, 9), Size(15, 9), 15) == len(lines)

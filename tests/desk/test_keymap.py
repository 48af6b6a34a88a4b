"""Other keys, other colours, the first visit: what a user may choose, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachedesk.config import DeskSettings, load_desk
from cachedesk.core.commands import Inject
from cachedesk.core.errors import ConfigError
from cachedesk.desk.actions import ACTIONS
from cachedesk.desk.app import DeskApp
from cachedesk.desk.appearance import checked_appearance
from cachedesk.desk.keymap import RESERVED, remapped
from cachedesk.desk.onboarding import is_first_time

from .piloting import RecordingControl, drive, screen_text, until
from .scenes import HEALTHY, FixedSource


def remapped_desk(control, **keys):
    actions = remapped({name.replace("_", "-"): key for name, key in keys.items()})
    return DeskApp(FixedSource(HEALTHY), control, refresh_hz=None, actions=actions)


def test_nothing_changes_without_a_wish():
    assert remapped({}) == ACTIONS


@pytest.mark.parametrize(
    ("written", "key"),
    [("x", "x"), ("X", "X"), ("f5", "f5"), ("ctrl+k", "ctrl+k"), ("@", "at"), ("é", "é")],
)
def test_a_key_is_a_character_or_a_name(written, key):
    assert next(d.key for d in remapped({"kill-redis": written}) if d.name == "kill-redis") == key


@pytest.mark.parametrize("written", ["", "ab", "ctrl+", "hyper+x", "\x00", " \n"])
def test_what_is_no_key_is_refused(written):
    with pytest.raises(ConfigError, match=r"desk\.keys\.kill-redis: .* is not a key"):
        remapped({"kill-redis": written})


@pytest.mark.parametrize("key", sorted(RESERVED))
def test_reserved_keys_are_refused(key):
    with pytest.raises(ConfigError, match="is reserved"):
        remapped({"kill-redis": key})


def test_a_name_that_is_not_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'kill-redis'"):
        remapped({"kill-reddis": "x"})


def test_two_actions_on_one_key_are_refused():
    with pytest.raises(ConfigError, match="is bound to both"):
        remapped({"kill-redis": "d"})
    swapped = remapped({"kill-redis": "d", "hold-redis-down": "k"})
    assert len({action.key for action in swapped}) == len(ACTIONS)


@pytest.mark.parametrize("key", ["x", "f5", "at"])
def test_the_new_key_does_it_and_the_old_one_does_nothing(key):
    control = RecordingControl()
    app = remapped_desk(control, kill_redis="@" if key == "at" else key)

    async def script(pilot):
        await pilot.press("k")
        await pilot.press(key)
        await until(pilot, lambda: len(control.commands) == 1, "it was done")

    drive(app, script)
    assert control.commands == [Inject("redis.kill")]


def test_button_and_help_show_the_new_key():
    app = remapped_desk(RecordingControl(), kill_redis="f5")

    async def script(pilot):
        assert "f5 kill" in screen_text(app)
        await pilot.press("question_mark")
        await pilot.pause()
        assert "f5" in screen_text(app)

    drive(app, script, (120, 40))


def write(folder: Path, text: str) -> Path:
    file = folder / "cachedesk.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_table_of_the_desk(tmp_path):
    assert load_desk(tmp_path) == DeskSettings()
    table = '[desk]\ntheme = "nord"\nrefresh_hz = 4\nhint = false\ncards = false\n'
    write(tmp_path, table + 'keys = {heal = "x"}\n')
    assert load_desk(tmp_path) == DeskSettings("nord", 4, {"heal": "x"}, hint=False, cards=False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[desk]\ntheme = 3", "desk.theme: expected str, not 3"),
        ("[desk]\nrefresh_hz = 3", "desk.refresh_hz: expected one of 1, 2, 4, not 3"),
        ("[desk]\nthme = 'x'", "desk.thme: there is no such setting; did you mean 'theme'?"),
        ("[desk.keys]\nheal = 1", "desk.keys: write a key as text"),
        ("desk = 1", "desk: expected a table"),
        ("[desk]\nhint = 'yes'", "desk.hint: expected bool, not 'yes'"),
    ],
)
def test_a_wrong_table_is_refused_by_everyone_who_reads_the_file(tmp_path, text, complaint):
    write(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load_desk(tmp_path)
    assert complaint in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_a_theme_that_is_not_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'gruvbox'"):
        checked_appearance(theme="gruvbux", refresh_hz=2, keys={}, hint=False, read_only=False)


def test_only_the_first_visit_is_greeted(tmp_path):
    folder = tmp_path / "state"
    assert is_first_time(folder)
    assert not is_first_time(folder)


def test_a_file_where_the_folder_should_be_is_no_error(tmp_path):
    (tmp_path / "state").write_text("", encoding="utf-8")
    assert is_first_time(tmp_path / "state")

"""Safeguards on the desk: switched by keys, by the menu, and seen at once when one is off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cachedesk.core.key_report import AnswerSource
from cachedesk.core.safeguards import NAMES, Safeguards
from cachedesk.core.snapshot import HotKey
from cachedesk.desk.app import DeskApp
from cachedesk.desk.screens.steering import SteeringScreen
from cachedesk.desk.views.headline import Tone, headline
from cachedesk.desk.views.key_explained import places, verdict
from cachedesk.desk.views.key_state import KeyState, key_state
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.session import Session
from tests.engine.until import unhurried

from . import reports, scenes
from .piloting import drive, screen_text, until


@pytest.mark.parametrize("name", NAMES)
def test_one_that_is_off_is_the_headline(name: str) -> None:
    said = headline(replace(scenes.HEALTHY, safeguards=Safeguards(**{name: False})))
    assert said.tone is Tone.WARNING
    assert " off: " in said.sentence


def test_a_key_that_is_in_no_log_says_so() -> None:
    key = HotKey(b"views:1", "write-behind", 3, cached=b"5", row=b"1", truth=b"1", unlogged=4)
    assert key_state(key) is KeyState.ONLY_REDIS
    assert key_state(replace(key, cached=None)) is KeyState.LOST


def test_the_inspector_says_what_goes_with_redis() -> None:
    report = replace(reports.PENDING, unlogged=3, agrees=False, source=AnswerSource.REDIS)
    assert "3 writes not in the log" in verdict(report).why
    assert places(report)[0].word == "not logged"


def test_switched_on_the_desk_it_is_off_in_the_engine(tmp_path: Path) -> None:
    traffic, load = WorkloadTraffic("article", 1), Load(2, rate=100.0)
    with Session(tmp_path / "data", unhurried(), traffic, load) as session:
        session.start()
        app = DeskApp(session, session, inspector=session, refresh_hz=4.0)

        async def script(pilot: Pilot[None]) -> None:
            await until(pilot, lambda: app.desk.latest is not None, "something is known")
            app.simulate_key("s")
            await until(pilot, lambda: isinstance(app.screen, SteeringScreen), "it is open")
            await pilot.pause(0.05)
            screen = app.screen
            assert isinstance(screen, SteeringScreen)
            while (chosen := screen.controls.name_chosen) != "safeguard-log":
                app.simulate_key("down")
                # One at a time: keys that wait would go on past it.
                moved = lambda was=chosen: screen.controls.name_chosen != was  # noqa: E731
                await until(pilot, moved, "the next control is chosen")
            app.simulate_key("right")
            off = lambda: session.stack.snapshot().safeguards.off  # noqa: E731
            await until(pilot, lambda: off() == ("log",), "the log is off")
            await until(pilot, lambda: "lost or old" in screen_text(app), "and seen to be")
            app.simulate_key("right")
            await until(pilot, lambda: off() == (), "the log is on again")
            app.simulate_key("escape")
            await until(pilot, lambda: app.screen is app.desk, "it is closed")
            commands = {it.title: it for it in app.get_system_commands(app.screen)}
            commands["Steer: safeguard read repair off"].callback()
            await until(pilot, lambda: off() == ("read_repair",), "read repair is off")
            await until(
                pilot, lambda: "read repair off" in screen_text(app), "the headline says so"
            )

        drive(app, script, size=(120, 40))

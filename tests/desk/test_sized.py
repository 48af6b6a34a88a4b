"""A screen has the classes for its size before its widgets are made, and keeps them true."""

from __future__ import annotations

from cachedesk.desk.screens.desk import DeskScreen
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.screens.sized import SizedScreen, size_classes
from cachedesk.desk.terminal.terminal_app import TerminalApp

from .piloting import drive

HIGH = [(0, "-low"), (24, "-high"), (36, "-tall")]


def test_one_class_is_for_each_size():
    for cells, name in ((0, "-low"), (23, "-low"), (24, "-high"), (35, "-high"), (36, "-tall")):
        classes = size_classes(cells, HIGH)
        assert classes == {each: each == name for _, each in HIGH}, cells
    assert size_classes(9, ()) == {}
    assert size_classes(9, [(10, "-wide")]) == {"-wide": False}


def test_the_classes_are_there_before_the_widgets():
    seen = []

    class Sized(SizedScreen[None]):
        HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-wide")]  # noqa: RUF012
        VERTICAL_BREAKPOINTS = HIGH

        def compose(self):
            seen.append(set(self.classes))
            return []

    class SizedModal(Modal[None], Sized):
        pass

    async def script(pilot):
        for screen in (Sized(), SizedModal()):
            await pilot.app.push_screen(screen)
            assert seen.pop() == {"-wide", "-high"}
            await pilot.resize_terminal(80, 40)
            await pilot.pause()
            assert screen.classes == {"-narrow", "-tall"}
            await pilot.resize_terminal(120, 30)
            await pilot.pause()

    drive(TerminalApp(), script, (120, 30))
    assert issubclass(DeskScreen, SizedScreen)
    assert not seen

"""The registry of the panels: every file is listed, and one new entry is all that a panel needs."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path

import pytest
from textual.content import Content
from textual.reactive import reactive

from cachedesk.desk import panels as package
from cachedesk.desk.panels.arrangement import arranged
from cachedesk.desk.panels.registry import PANELS
from cachedesk.desk.panels.spec import Area, PanelSpec, PanelTitle, PanelWidget
from cachedesk.desk.screens import desk as desk_module

from .piloting import RecordingControl, desk, drive, screen_text
from .scenes import HEALTHY

README = Path(__file__).parents[2] / "README.md"


class Count(PanelWidget[int], can_focus=True):
    """Draws how many letters are dead."""

    dead = reactive(0)

    def __init__(self, title):
        super().__init__()
        self.border_title = title.framed()

    def show(self, share):
        self.dead = share

    def render(self):
        return Content(f"{self.dead} refused")


def added(area):
    return PanelSpec(
        title=PanelTitle(99, "Dead letters"),
        meaning="What the database refused.",
        area=area,
        create=Count,
        share=lambda snapshot, timespan: snapshot.books.dead,
        shown_from=200,
    )


def test_every_panel_file_is_in_the_registry():
    found = []
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name.rpartition(".")[2] != "registry":
            specs = vars(importlib.import_module(module.name)).values()
            found += [spec for spec in specs if isinstance(spec, PanelSpec)]
    assert sorted(spec.number for spec in found) == [spec.number for spec in PANELS]


def test_a_panel_has_a_digit_and_a_title_of_its_own():
    assert [panel.number for panel in PANELS] == list(range(1, len(PANELS) + 1))
    assert len(PANELS) <= 9, "a number is one key"
    assert len({panel.title.text for panel in PANELS}) == len(PANELS)


def test_the_readme_names_the_key_of_every_panel():
    assert f"| `1` … `{PANELS[-1].number}` `z` |" in README.read_text()


def test_the_help_of_a_chart_says_what_it_measures_and_its_keys():
    for panel in PANELS:
        if panel.over_time:
            keys = "+ and - zoom, ← and → go through time, Enter expands."
            assert panel.widget().help_text == f"{panel.meaning} {keys}"


@pytest.mark.parametrize("area", [Area.CHART, Area.LIST], ids=str)
def test_a_panel_is_laid_out_and_refreshed_by_its_entry_alone(area, monkeypatch):
    monkeypatch.setattr(desk_module, "PANELS", (*PANELS, added(area)))
    app = desk(RecordingControl())

    async def script(pilot):
        assert not app.desk.panels[99].display, "the screen is too narrow for it"
        app.action_toggle_panel(99)
        await pilot.pause()
        assert "99 Dead letters" in screen_text(app)
        app.desk.apply(replace(HEALTHY, books=replace(HEALTHY.books, pending=337, dead=7)))
        await pilot.pause()
        assert "7 refused" in screen_text(app)
        app.desk.panels[99].take_focus()
        await pilot.press("z")
        await pilot.pause()
        assert [number for number, panel in app.desk.panels.items() if panel.display] == [99]
        await pilot.press("escape")
        app.action_toggle_panel(99)
        await pilot.resize_terminal(200, 50)
        await pilot.pause()
        assert not app.desk.panels[99].display, "the user has hidden it"

    drive(app, script, (120, 50))


@pytest.mark.parametrize(("width", "is_there"), [(200, True), (199, False)])
def test_a_panel_is_there_by_itself_from_a_width_on(width, is_there):
    assert (99 in arranged((*PANELS, added(Area.LIST)), width, 24, {})) == is_there

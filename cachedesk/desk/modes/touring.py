"""The desk of a live stack, with a tour of it on request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from textual.events import Event, Key, Resize
from textual.widget import Widget
from textual.widgets import Input

from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.actions import ACTIONS
from cachedesk.desk.modes.pair_opener import PairOpener
from cachedesk.desk.onboarding import note_passed
from cachedesk.desk.panels.events import EVENTS
from cachedesk.desk.panels.flow import FLOW
from cachedesk.desk.panels.hit_rate import HIT_RATE
from cachedesk.desk.panels.hot_keys import HOT_KEYS
from cachedesk.desk.panels.lag import LAG
from cachedesk.desk.panels.queue_depth import QUEUE_DEPTH
from cachedesk.desk.panels.spec import Area
from cachedesk.desk.screens.stories import Listed
from cachedesk.desk.side_by_side import SideBySide
from cachedesk.desk.story_choice import StoryChoice
from cachedesk.desk.views.headline import is_starting
from cachedesk.desk.widgets.top_line import TopLine
from cachedesk.desk.widgets.tour_strip import TourStrip, TourView
from cachedesk.lab.stories.tour_guide import Phase, TourGuide
from cachedesk.lab.stories.tour_reading import built_in_tour
from cachedesk.lab.stories.tour_script import Tour

TOUR = "tour"
"""The name of the tour among the stories."""

_PANELS = {
    "flow": FLOW.number,
    "hit rate": HIT_RATE.number,
    "queue depth": QUEUE_DEPTH.number,
    "lag": LAG.number,
    "hot keys": HOT_KEYS.number,
    "events": EVENTS.number,
}
_CHARTS = ("hit rate", "queue depth", "lag")
_BY_KEY = {action.key: action for action in ACTIONS}
_CHARTS_FROM_ROWS = 48
"""The height from which there is room for the charts beside the strip and the lists."""
_EVENTS_FROM_ROWS = 24
"""The height from which there is room for the events beside the strip and the charts."""
_ONWARD = ("right", "space")


@dataclass(frozen=True, slots=True)
class TourPlan:
    """The tour that a desk offers: its script (``None``: the one that comes with cachedesk),
    whether it begins at once, whether questions are shown large, for a class, and whether the data
    directory was made for it and is removed afterwards."""

    script: Tour | None = None
    at_once: bool = False
    large: bool = False
    temporary: bool = False

    def tour(self) -> Tour:
        """Return the script."""
        return self.script or built_in_tour()


class LiveApp(PairOpener):
    """The desk of a live stack.

    Args:
        plan: the tour.
        rest: as for ``PairOpener``.
    """

    def __init__(self, *rest: Any, plan: TourPlan | None = None, **more: Any) -> None:
        super().__init__(*rest, **more)
        self._plan = plan or TourPlan()
        self._begins = self._plan.at_once
        self.guide: TourGuide | None = None
        self.tour_strip = TourStrip()
        self._lit = "all"

    @property
    def listed(self) -> tuple[Listed, ...]:
        """The tour, and the stories."""
        if self._control is None:
            return super().listed
        tour = self._plan.tour()
        return (Listed(StoryChoice(TOUR), tour.title, tour.about), *super().listed)

    @property
    def cards_appear(self) -> bool:
        """Whether a card appears by itself now; a tour explains the faults itself."""
        return super().cards_appear and self.guide is None

    def leave_for(self, choice: StoryChoice | SideBySide) -> None:
        """Begin the tour, or end this app for a story or two stacks."""
        if isinstance(choice, StoryChoice) and choice.name == TOUR:
            self._begins = True
            self.begin_tour()
        else:
            super().leave_for(choice)

    def begin_tour(self) -> None:
        """Begin the tour, or begin it again, once the stack is up and driven."""
        latest = self.desk.latest
        if self._control is None or latest is None or is_starting(latest) or latest.rate is None:
            return
        self._begins = False
        self.desk.greeting = False
        self._leave_tour()
        self.guide = TourGuide(self._plan.tour(), latest, self.perform, time.monotonic)
        self.desk.mount(self.tour_strip, after=self.desk.query_one(TopLine))
        self._show_tour()

    async def on_event(self, event: Event) -> None:
        """Take the keys of the tour before the desk does."""
        if isinstance(event, Key) and self._is_for_the_tour(event.key):
            event.stop()
            return
        await super().on_event(event)

    async def run_action(self, action: Any, *rest: Any, **more: Any) -> bool:
        """Run ``action``, and tell the tour, which may be waiting for it."""
        done = await super().run_action(action, *rest, **more)
        if self.guide is not None and done:
            for key, known in _BY_KEY.items():
                if known.app_action == action:
                    self.guide.press(key)
            self._show_tour()
        return done

    def _show(self, snapshot: Snapshot) -> None:
        super()._show(snapshot)
        if self._begins:
            self.begin_tour()
        if self.guide is not None:
            self.guide.observe(snapshot)
            self._show_tour()

    def _is_for_the_tour(self, key: str) -> bool:
        """Take ``key`` if it is for the tour; return whether it was."""
        if self.screen is not self.desk or isinstance(self.focused, Input):
            return False
        guide = self.guide
        if guide is None:
            if key == "space" and self.desk.greeting and self._control is not None:
                self._begins = True
                self.begin_tour()
                return True
            return False
        if key == "escape":
            self._leave_tour()
        elif key in _ONWARD:
            guide.onward()
        elif guide.scene().phase is Phase.ASK and key.isdigit() and len(key) == 1:
            if not self._plan.large:
                guide.choose(int(key))
        else:
            return False
        self._show_tour()
        return True

    def _show_tour(self) -> None:
        if self.guide is None:
            return
        scene = printable(self.guide.scene())
        if scene.phase is Phase.ENDED and not self.tour_strip.has_class("-ended"):
            self.tour_strip.add_class("-ended")
            note_passed(TOUR, self.guide.score)
        key = self._shown_key(scene.press) if scene.press else ""
        self.tour_strip.view = TourView(scene, key, self._plan.large)
        self._light(scene.focus)

    def _shown_key(self, press: str) -> str:
        """Return the key for ``press`` in the key map of this user."""
        name = _BY_KEY[press].name
        return next((action.shown_key for action in self._offered if action.name == name), press)

    def _light(self, focus: str) -> None:
        """Dim everything but ``focus``."""
        if focus != self._lit:
            self._lit = focus
            self._make_room(self.size.height)
        self.desk.set_class(focus != "all", "-touring")
        books: tuple[Widget, ...] = (self.desk.books, self.desk.exposure)
        lit = books if focus == "books" else ()
        if focus in _PANELS:
            lit = (self.desk.panels[_PANELS[focus]],)
        for widget in (*books, *self.desk.panels.values()):
            widget.set_class(widget in lit, "-lit")

    def on_resize(self, event: Resize) -> None:
        """Make room for the strip."""
        if self.guide is not None:
            self._make_room(event.size.height)

    def _make_room(self, rows: int) -> None:
        """Hide what the tour does not speak of where the strip leaves no room for it."""
        low = self._lit != "all" and rows < _CHARTS_FROM_ROWS
        charts = self._lit in _CHARTS
        hidden = {
            Area.CHART: low and not charts,
            Area.MAIN: low and charts,
            Area.LIST: low and charts and rows < _EVENTS_FROM_ROWS,
        }
        for area, hides in hidden.items():
            self.desk.wish(area, shown=False if hides else None)

    def _leave_tour(self) -> None:
        if self.guide is None:
            return
        self.guide.restore()
        self.guide = None
        self._light("all")
        self.tour_strip.remove()
        self.tour_strip = TourStrip()

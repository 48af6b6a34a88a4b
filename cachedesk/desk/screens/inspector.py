"""The inspector explains one key: each store, which one answers, the fold, the recent writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup, VerticalGroup, VerticalScroll
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker

from cachedesk.core.commands import Command, EvictKey
from cachedesk.core.key_report import KeyReport
from cachedesk.core.printable import printable
from cachedesk.desk.background import in_background
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.views.formats import data_text
from cachedesk.desk.views.key_explained import equations, places, policy_line, verdict
from cachedesk.desk.views.key_timeline import window_seconds
from cachedesk.desk.widgets.fold import Fold
from cachedesk.desk.widgets.key_timeline_rows import KeyStageRows, KeyWriteBars
from cachedesk.desk.widgets.place_card import STYLES, PlaceCard

_LEGENDS = (
    "● accepted (○ before Redis had it) ◆ in Redis ■ in SQLite ▶ still waits",
    "● accepted (○ not in Redis) ■ in SQLite ▶ waits",
    "● accepted ■ in SQLite ▶ waits",
)


class InspectorScreen(Modal[None]):
    """Explains one key and follows its changes; Escape closes it.

    Args:
        key: the key to explain.
        fetch: returns the report on the key; called on a thread, once at the start and once for
            each ``pull``.
        perform: carries out the command that evicts the key; ``None`` disables eviction.
    """

    CSS_PATH = "inspector.tcss"
    AUTO_FOCUS = "#inspector-bars"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-wide")]  # noqa: RUF012 - as Textual has it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-high"), (36, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", show=False),
        Binding("e", "evict", "Evict", show=False),
    ]

    box = query_one("#inspector-box", VerticalGroup)
    message = query_one("#inspector-message", Static)
    folded = query_one("#inspector-fold", VerticalScroll)
    fold = query_one(Fold)
    timeline = query_one("#inspector-time", VerticalGroup)
    stage_rows = query_one(KeyStageRows)
    bars_box = query_one("#inspector-bars", VerticalScroll)
    bars = query_one(KeyWriteBars)

    def __init__(
        self,
        key: bytes,
        fetch: Callable[[], KeyReport],
        perform: Callable[[Command], None] | None = None,
    ) -> None:
        super().__init__()
        self.key = key
        self._fetch = fetch
        self._perform = perform
        self._pulling = False
        self._report: KeyReport | None = None
        self._shown_message = Content()
        self._subtitle = ""
        self._end_y = 0
        self._titles: dict[Widget, Content] = {}

    def compose(self) -> ComposeResult:
        """Yield the stores, the verdict, the fold, and the timeline."""
        with VerticalGroup(id="inspector-box") as box:
            box.border_title = Content(data_text(self.key))
            box.border_subtitle = Content(self._keys)
            with HorizontalGroup(id="inspector-places"):
                for _ in range(3):
                    yield PlaceCard()
            yield Static("reading every store …", id="inspector-message", markup=False)
            with VerticalScroll(id="inspector-fold"):
                yield Fold()
            with VerticalGroup(id="inspector-time"):
                yield KeyStageRows()
            with VerticalScroll(id="inspector-bars"):
                yield KeyWriteBars()

    def on_mount(self) -> None:
        """Fetch the first report."""
        self.pull()

    def pull(self) -> None:
        """Fetch a new report, unless one is being fetched."""
        if not self._pulling:
            self._pulling = True
            _inspecting: Worker[None] = self.run_worker(self._pull, group="inspect")

    def apply(self, report: KeyReport) -> None:
        """Show ``report``."""
        if not self.is_mounted:
            return
        report = printable(report)
        self._report = report
        for card, view in zip(self.query(PlaceCard), places(report), strict=True):
            card.view = view
        judged = verdict(report)
        self._show_message(
            Content.assemble(
                (f"▶ {judged.source}: ", f"bold {STYLES[judged.emphasis]}"), judged.why
            )
        )
        self.fold.report = report
        seconds = window_seconds(
            report, self.stage_rows.seconds if self.stage_rows.report else None
        )
        for drawing in (self.stage_rows, self.bars):
            drawing.report, drawing.seconds = report, seconds
        self._follow()
        self._entitle_sections(report)
        if (subtitle := f"{self._keys} · {policy_line(report)}") != self._subtitle:
            self._subtitle = subtitle
            self.box.border_subtitle = Content(subtitle)

    def on_resize(self) -> None:
        """Choose the titles that fit."""
        if self._report is not None:
            self.call_after_refresh(self._entitle_sections, self._report)
            self._follow()

    def action_evict(self) -> None:
        """Evict the key from Redis; the next report shows the effect."""
        if self._perform is not None:
            self._perform(EvictKey(self.key))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False, which disables it, for the eviction if there is no ``perform``."""
        return not (action == "evict" and self._perform is None)

    @property
    def _keys(self) -> str:
        return "Esc closes" if self._perform is None else "Esc closes · e evicts"

    def _follow(self) -> None:
        """Keep the newest write visible, unless the user has scrolled away from it."""
        box = self.bars_box
        if box.scroll_y >= min(self._end_y, box.max_scroll_y):
            self.call_after_refresh(self._scroll_to_end)

    def _scroll_to_end(self) -> None:
        if self._finished:
            # Closed since this was called for.
            return
        self._end_y = self.bars_box.max_scroll_y
        self.bars_box.scroll_to(y=self._end_y, animate=False, immediate=True)

    def _show_message(self, content: Content) -> None:
        if not content.is_same(self._shown_message):
            self._shown_message = content
            self.message.update(content)

    def _entitle(self, widget: Widget, title: Content) -> None:
        before = self._titles.get(widget)
        if before is None or not title.is_same(before):
            widget.border_title = self._titles[widget] = title

    def _entitle_sections(self, report: KeyReport) -> None:
        room = self.folded.size.width - 4
        full, *shorter = (Content(text) for text in equations(report))
        forms = [Content.assemble(("The fold  ", "bold"), full), full, *shorter]
        fitting = (form for form in forms if form.cell_length <= room)
        self._entitle(self.folded, next(fitting, forms[-1]))
        one_in = self.bars.one_in
        title = "Recent writes" if one_in == 1 else f"Recent writes, 1 in {one_in}"
        room = self.timeline.size.width - len(title) - 6
        legend = next((text for text in _LEGENDS if len(text) <= room), "")
        self._entitle(
            self.timeline, Content.assemble((title, "bold"), "  ", (legend, "$foreground 75%"))
        )

    async def _pull(self) -> None:
        try:
            report = await in_background(self._fetch)
        except Exception as error:  # noqa: BLE001 - any failure is displayed, and the screen stays open
            if self.is_mounted:
                text = printable(f"no answer: {type(error).__name__}: {error}")
                self._show_message(Content.assemble((text, "bold $text-error")))
        else:
            if self.is_running:
                self.apply(report)
        finally:
            self._pulling = False

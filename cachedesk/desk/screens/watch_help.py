"""The help of the screen of a watched server."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.watch_actions import WATCH_ACTIONS
from cachedesk.desk.widgets.prose import Prose, entry, heading, sentence

_KEY_CELLS = 7
_TERM_CELLS = 13

_MEANINGS = (
    (
        "hit rate",
        "Above: what the server counts (keyspace_hits, keyspace_misses) from look to look.",
    ),
    (
        "prefixes",
        "Keys whose names differ in an id only are one prefix. Reads are those that MONITOR has "
        "shown in the last five minutes. ± is the half width of a 95 % interval.",
    ),
    (
        "by prefix",
        "MONITOR shows a read, not its outcome. Writes, deletes and probes (MEMORY USAGE, which "
        "counts as no read) around it in the same stream tell it; where they do not, it is "
        "estimated from those that were probed, and made to add up to what the server counted.",
    ),
    ("keys, memory", "From SCAN and MEMORY USAGE; ± as long as not all keys were looked at."),
    (
        "load",
        "The share of the server's time that watching has taken. MONITOR makes each command dearer "
        "while it is on: it is on for short windows within the budget (--budget).",
    ),
    (
        "restart",
        "How many reads that hit today would miss if the server came back empty: an estimate, and "
        "the most that is possible.",
    ),
)


class WatchHelpScreen(Modal[None]):
    """Explains the screen; Escape, ``?`` and ``q`` close it."""

    CSS_PATH = "help.tcss"
    DEFAULT_CSS = """
    WatchHelpScreen { align: center middle; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", show=False)
    ]

    def compose(self) -> ComposeResult:
        """Yield what is done to the server, the keys, and what each figure means."""
        with VerticalScroll(id="help-box") as box:
            box.border_title = "Watching a server"
            box.border_subtitle = "↑ ↓ scroll · Esc closes"
            yield Prose(
                (
                    sentence(
                        "Nothing is written to this server, and no key is read: only INFO, SCAN, "
                        "MEMORY USAGE and MONITOR are sent."
                    ),
                    heading("Keys"),
                    *(entry(it.shown_key, it.meaning, _KEY_CELLS) for it in WATCH_ACTIONS),
                    heading("What you see"),
                    *(entry(name, meaning, _TERM_CELLS) for name, meaning in _MEANINGS),
                )
            )

"""Everything a user can do on the screen of a watched server."""

from __future__ import annotations

from cachedesk.desk.actions import Action, Group
from cachedesk.watch.snapshot import WatchSnapshot


def _action(name: str, key: str, app_action: str, label: str, meaning: str) -> Action:
    group = Group.STEER if name in ("pause", "record") else Group.LOOK
    return Action(name, key, app_action, label, label, group, meaning, has_button=True)


WATCH_ACTIONS = (
    _action("sort", "s", "sort", "sort", "Sort the prefixes by the next column."),
    _action("filter", "slash", "filter", "filter", "List only the prefixes that match."),
    _action(
        "pause",
        "p",
        "toggle_pause",
        "pause",
        "Ask the server nothing, or go on.",
    ),
    _action(
        "record",
        "R",
        "record",
        "record",
        "Write the commands that MONITOR shows to a trace file in the data folder, or end it; "
        "“cachedesk run --trace” plays it. Values are in it.",
    ),
    _action("save-picture", "S", "save_picture", "picture", "Save the screen as an SVG picture."),
    _action("menu", "m", "command_palette", "menu", "List everything that can be done."),
    _action("help", "question_mark", "help", "help", "Explain every figure and every key."),
    _action("quit", "q", "quit", "quit", "Leave."),
)


def labels(snapshot: WatchSnapshot) -> dict[str, str]:
    """Return what the buttons say whose keys end what they have begun."""
    return {
        "pause": "resume" if snapshot.paused else "pause",
        "record": "record" if snapshot.recording is None else "stop",
    }

"""Every action of the desk, in one list.

The key bindings, the buttons, the help screen and the command palette are all built from it, so a
key cannot appear in one of them and be missing from another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from textual.binding import Binding
from textual.keys import format_key

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.panels.registry import PANELS


class Group(Enum):
    """What an action is for. The value is its heading on the help screen."""

    BREAK = "Break it"
    STEER = "Steer it"
    LOOK = "Look at it"
    PANELS = "Panels"

    @property
    def title(self) -> str:
        """The first word of the heading."""
        return self.value.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Action:
    """An action: its key, its wording, and where it is offered.

    Args:
        name: the name in the key map; the id of the button is made from it.
        key: the key, as Textual names it.
        app_action: the Textual action that the app runs.
        label: the text on a wide button.
        short: the text on a narrow button.
        group: the heading under which the help screen lists it.
        meaning: the sentence that explains it on the help screen.
        commands: whether it sends a command to the stack. A read-only desk leaves it out.
        has_button: whether it gets a button on a screen that is wide enough. Every action is in
            the menu and on the help screen.
    """

    name: str
    key: str
    app_action: str
    label: str
    short: str
    group: Group
    meaning: str
    commands: bool = False
    has_button: bool = False

    @property
    def shown_key(self) -> str:
        """The key as it is displayed."""
        *modifiers, key = self.key.split("+")
        return "+".join([*modifiers, format_key(key)])

    @property
    def title(self) -> str:
        """The entry in the menu."""
        return f"{self.group.title}: {self.label}"

    @property
    def binding(self) -> Binding:
        """The key binding of this action."""
        return Binding(
            self.key,
            self.app_action,
            self.label,
            key_display=self.shown_key,
            tooltip=self.meaning,
            priority=self.key in _TAKEN_BY_LISTS,
            id=self.name,
        )


_TAKEN_BY_LISTS = ("left", "right", "shift+left", "shift+right", "home", "end")
"""Keys that a focused list would use: for horizontal scrolling, which the desk never needs, and for
its ends, while the desk shows the past."""


def _break(name: str, key: str, app_action: str, words: str, meaning: str) -> Action:
    label, _, short = words.partition("/")
    return Action(
        name, key, app_action, label, short, Group.BREAK, meaning, commands=True, has_button=True
    )


def _steer(
    name: str, key: str, app_action: str, words: str, meaning: str, *, has_button: bool = True
) -> Action:
    label, _, short = words.partition("/")
    return Action(
        name,
        key,
        app_action,
        label,
        short,
        Group.STEER,
        meaning,
        commands=True,
        has_button=has_button,
    )


def _look(
    name: str, key: str, app_action: str, label: str, meaning: str, *, has_button: bool = False
) -> Action:
    return Action(name, key, app_action, label, label, Group.LOOK, meaning, has_button=has_button)


ACTIONS: tuple[Action, ...] = (
    _break(
        "kill-redis",
        "k",
        "inject('redis.kill')",
        "kill Redis/kill",
        "Kill redis-server with SIGKILL; the supervisor brings it back, empty.",
    ),
    _break(
        "hold-redis-down",
        "d",
        "inject('redis.down')",
        "hold down/down",
        "Kill redis-server and keep it down until you heal.",
    ),
    _break(
        "crash-worker",
        "c",
        "inject('worker.crash')",
        "crash worker/crash",
        "Crash the worker in the middle of a flush; its batch is delivered again.",
    ),
    _break(
        "lock-database",
        "l",
        "inject('database.lock')",
        "lock SQLite/lock",
        "Let a second connection hold SQLite's lock until you heal.",
    ),
    _break(
        "faults",
        "f",
        "faults",
        "faults/fault",
        "Open the catalogue of faults: choose one, its place, and how long it lasts.",
    ),
    _break("heal", "h", "heal", "heal/heal", "End every active fault."),
    _steer(
        "evict-key",
        "e",
        "evict_key",
        "evict key/evict",
        "Evict the selected key from Redis; the log and SQLite keep it.",
    ),
    _steer(
        "evict",
        "E",
        "evict",
        "evict…/more",
        "Evict many keys from Redis: by pattern, a share, or all; the log and SQLite keep them.",
        has_button=False,
    ),
    _steer(
        "pause-worker",
        "p",
        "toggle_worker",
        "pause/pause",
        "Pause the worker after its batch, or resume it.",
    ),
    _steer(
        "step-worker",
        "n",
        "step_worker",
        "step/step",
        "Let a paused worker flush exactly one batch.",
    ),
    _steer(
        "steer",
        "s",
        "steer",
        "steer/steer",
        "Change batches, workload rate, Redis's memory and eviction policy at run time.",
    ),
    Action(
        "record",
        "R",
        "record",
        "record",
        "rec",
        Group.STEER,
        "Record what the desk shows to a file in the data folder, or end the recording; "
        "“cachedesk replay” plays it.",
        commands=True,
    ),
    _steer(
        "versus",
        "v",
        "versus",
        "two stacks/versus",
        "Open two stacks side by side: one set up as this one is now, and one that differs.",
        has_button=False,
    ),
    _look(
        "inspect",
        "i",
        "inspect",
        "inspect",
        "Explain the selected key: its value in each store, its pending events, its reads.",
    ),
    _look("filter", "slash", "filter", "filter", "List only the keys that match what you type."),
    _look("sort", "o", "sort", "sort", "Order the keys by use, name, pending events or state."),
    _look(
        "freeze",
        "space",
        "toggle_frozen",
        "freeze",
        "Freeze the desk at this moment, or return to now; the stack goes on meanwhile.",
        has_button=True,
    ),
    _look("zoom-in", "plus", "zoom(1)", "zoom", "Show less time on the charts, in more detail."),
    _look("zoom-out", "minus", "zoom(-1)", "out", "Show more time on the charts."),
    _look("zoom-reset", "equals_sign", "zoom(0)", "60 s", "Show one minute on the charts."),
    _look("look-back", "left", "look_back(-1)", "back 5 s",
          "Show the desk as it was five seconds earlier; the stack goes on."),
    _look("look-on", "right", "look_back(1)", "fwd 5 s", "Go five seconds forward again."),
    _look("look-far-back", "shift+left", "look_back(-6)", "back 30 s", "Go back half a minute."),
    _look("look-far-on", "shift+right", "look_back(6)", "fwd 30 s", "Go half a minute forward."),
    _look("look-step-back", "comma", "look_step(-1)", "step back",
          "Go back to the previous snapshot."),
    _look("look-step-on", "full_stop", "look_step(1)", "step fwd", "Go to the next snapshot."),
    _look("bookmark", "B", "bookmark", "bookmark",
          "Mark the moment shown: on the time axis, in the menu, in a recording."),
    _look("clips", "C", "clips", "clips",
          "List the clips of the faults, from 5 s before each to its recovery: play or save one."),
    _look("look-play", "P", "look_play", "play", "Play on from the moment shown, or pause."),
    _look("look-oldest", "home", "look_oldest", "oldest",
          "In the past: go to the oldest moment, up to half an hour back."),
    _look("look-live", "end", "look_now", "live", "In the past: return to now."),
    _look("expand", "z", "expand", "expand",
          "Expand the focused panel to the whole screen, or shrink it."),
    _look("projector", "Z", "project", "projector",
          "Show only the headline, the balance and the flow, large, for a projector; or everything "
          "again."),
    _look("save-picture", "S", "save_picture", "picture",
          "Save the screen as an SVG picture in the data folder."),
    _look("incident", "I", "incident", "incident",
          "Show the card of the newest fault, or of the selected event: what broke, what it cost, "
          "what held; or close it."),
    _look("stories", "t", "stories", "stories",
          "List the failure stories and play one; the workload rests meanwhile."),
    _look("menu", "m", "command_palette", "menu", "Search all actions and run one.",
          has_button=True),
    _look("help", "question_mark", "help", "help", "Explain the focused widget and every key.",
          has_button=True),
    _look("quit", "q", "quit", "quit", "Quit the desk; Ctrl+Q does so from everywhere.",
          has_button=True),
    *(
        Action(
            f"panel-{panel.number}",
            str(panel.number),
            f"toggle_panel({panel.number})",
            panel.title.text.lower(),
            panel.title.text.lower(),
            Group.PANELS,
            f"Show or hide: {panel.title.text}.",
        )
        for panel in PANELS
    ),
)  # fmt: skip


PAST_ACTIONS = frozenset(action.name for action in ACTIONS if action.name.startswith("look-"))
"""The names of the actions that move a live desk through its past."""


def labels(snapshot: Snapshot) -> dict[str, str]:
    """Return what the buttons say whose keys end what they have begun."""
    return {
        "pause-worker": "resume" if snapshot.worker.paused else "pause",
        "record": "stop recording" if snapshot.recording else "record",
    }


def actions_for(actions: tuple[Action, ...] = ACTIONS, *, read_only: bool) -> tuple[Action, ...]:
    """Return the ``actions`` that a desk offers; a read-only desk sends no commands."""
    return tuple(action for action in actions if not (read_only and action.commands))

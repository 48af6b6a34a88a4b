"""Everything a user can do at the desk, as one list.

The key bindings, the buttons, the help screen and the command palette are all made from it, so a
key cannot be listed in one of them and missing in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from textual.binding import Binding


class Group(Enum):
    """What a deed is for; the value is the heading in the help screen."""

    BREAK = "Break it"
    STEER = "Steer it"
    LOOK = "Look at it"


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing to do.

    ``name`` identifies it (a button's id); ``action`` is the app's action; ``label`` and ``short``
    are its words on a wide and on a narrow button; ``meaning`` is its sentence in the help.
    ``commands`` says that it asks something of the stack, so that a read-only desk hides it.
    """

    name: str
    key: str
    action: str
    label: str
    short: str
    group: Group
    meaning: str
    commands: bool = True

    @property
    def shown_key(self) -> str:
        """The key as it is printed."""
        return {"question_mark": "?"}.get(self.key, self.key)

    @property
    def binding(self) -> Binding:
        """The key binding of this deed."""
        return Binding(
            self.key, self.action, self.label, key_display=self.shown_key, tooltip=self.meaning
        )


DEEDS: tuple[Deed, ...] = (
    Deed(
        "kill-redis",
        "k",
        "inject('redis.kill')",
        "kill Redis",
        "kill",
        Group.BREAK,
        "Kill redis-server with SIGKILL; the supervisor brings it back, empty.",
    ),
    Deed(
        "hold-redis-down",
        "d",
        "inject('redis.down')",
        "hold down",
        "down",
        Group.BREAK,
        "Kill redis-server and keep it down until you heal.",
    ),
    Deed(
        "crash-worker",
        "c",
        "inject('worker.crash')",
        "crash worker",
        "crash",
        Group.BREAK,
        "Crash the worker in the middle of a flush; its batch is delivered again.",
    ),
    Deed(
        "lock-database",
        "l",
        "inject('database.lock')",
        "lock SQLite",
        "lock",
        Group.BREAK,
        "Let a second connection hold SQLite's lock until you heal.",
    ),
    Deed(
        "faults",
        "f",
        "faults",
        "faults",
        "faults",
        Group.BREAK,
        "Open the catalogue of faults: choose one, where it strikes, and for how long.",
    ),
    Deed(
        "heal",
        "h",
        "heal",
        "heal",
        "heal",
        Group.BREAK,
        "End every fault that is active now.",
    ),
    Deed(
        "evict-key",
        "e",
        "evict_key",
        "evict key",
        "evict",
        Group.STEER,
        "Evict the selected key from Redis; the truth keeps it.",
    ),
    Deed(
        "evict-all",
        "E",
        "evict_all",
        "evict all",
        "all",
        Group.STEER,
        "Evict every key from Redis; the truth keeps them.",
    ),
    Deed(
        "pause-worker",
        "p",
        "toggle_worker",
        "pause",
        "pause",
        Group.STEER,
        "Pause the worker after its batch, or let a paused worker go on.",
    ),
    Deed(
        "step-worker",
        "n",
        "step_worker",
        "step",
        "step",
        Group.STEER,
        "Let a paused worker flush exactly one batch.",
    ),
    Deed(
        "freeze",
        "space",
        "toggle_frozen",
        "freeze",
        "freeze",
        Group.LOOK,
        "Freeze the display; the stack runs on and unfreezing shows now.",
        commands=False,
    ),
    Deed(
        "help",
        "question_mark",
        "help",
        "help",
        "help",
        Group.LOOK,
        "Show this page; Escape closes it.",
        commands=False,
    ),
    Deed(
        "quit",
        "q",
        "quit",
        "quit",
        "quit",
        Group.LOOK,
        "Leave the desk; ctrl+q does it from anywhere.",
        commands=False,
    ),
)


def deeds_for(*, read_only: bool) -> tuple[Deed, ...]:
    """Return the deeds a desk offers; a read-only one has none that commands the stack."""
    return tuple(deed for deed in DEEDS if not (read_only and deed.commands))

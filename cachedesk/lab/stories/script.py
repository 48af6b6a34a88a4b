"""The script of a story, as frozen values: acts, their steps, and the claims at the end.

It is also the format of a story's file: each class is a table, each field an entry.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cachedesk.core.events import COUNTER_MAX, COUNTER_MIN
from cachedesk.core.safeguards import ALL_ON, Safeguards

Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Amount = Annotated[int, Meta(ge=COUNTER_MIN, le=COUNTER_MAX)]
Callers = Annotated[int, Meta(ge=1, le=256)]
Seconds = Annotated[float, Meta(gt=0, le=600)]
Text = Annotated[str, Meta(min_length=1)]


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reads or writes of some keys, one after another.

    ``keys``: one key, or many with a range in braces: ``views:article:{1..50}``. ``times``: how
    often each. ``callers``: the number of threads that do all of it at once (reads only). ``by``:
    the amount of an incr. ``value``: the value of a set; ``{n}`` in it is the number of the write;
    ``bytes``: the size to which it is padded.
    """

    keys: Text
    times: Count = 1
    callers: Callers = 1
    by: Amount = 1
    value: str = "{n}"
    bytes: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class LoadSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A workload with ``ops`` operations. ``faults``: as for ``run --fault``."""

    ops: Count
    workload: str = "article"
    clients: Callers = 4
    seed: int = 1
    faults: list[str] = []


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step: the narration ``say``, and at most one action.

    ``say_flipped``: the narration while a safeguard that the story rests on is flipped; ``""``:
    there is none then; without it, ``say`` is true either way.

    ``set``, ``incr``, ``delete``, ``get``: operations of clients, judged by the ledger. ``load``:
    a workload. ``inject``: a fault, or several at once; ``heal``: one of them, or ``"all"``.
    ``worker``: controls the worker. ``evict``: evicts the keys of a pattern from Redis.
    ``memory``: sets ``maxmemory``. ``safeguard``: switches safeguards. ``drain``: flushes until
    nothing is pending. ``wait``: waits until a condition holds; fails after ``within`` seconds.
    ``note``: saves current figures under new names, for the claims.
    """

    say: str = ""
    say_flipped: str | None = None
    set: Keys | None = None
    incr: Keys | None = None
    delete: Keys | None = None
    get: Keys | None = None
    load: LoadSpec | None = None
    inject: Text | list[Text] | None = None
    heal: Text | None = None
    worker: Literal["pause", "resume", "step"] | None = None
    evict: Text | None = None
    memory: Text | int | None = None
    safeguard: dict[str, bool] | None = None
    drain: Literal[True] | None = None
    wait: Text | None = None
    note: dict[str, str] | None = None
    within: Seconds = 60.0

    @property
    def actions(self) -> tuple[str, ...]:
        """The names of the actions in the step; a valid step has at most one."""
        return tuple(name for name in ACTIONS if getattr(self, name) is not None)


ACTIONS = tuple(
    name for name in Step.__struct_fields__ if name not in ("say", "say_flipped", "within")
)


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One act: it starts with its own empty stack, and is judged at its end.

    ``name``: the prefix of its figures in claims. ``settings``: tables of ``cachedesk.toml``.
    ``title_flipped``: the title while a safeguard that the story rests on is flipped.
    """

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    step: Annotated[list[Step], Meta(min_length=1)]
    title: str = ""
    title_flipped: str = ""
    safeguards: Safeguards = ALL_ON
    settings: dict[str, dict[str, object]] = {}


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A claim of the story: in words, and as a condition on figures that must hold. ``shows``: the
    evidence, a text with figures in braces: ``{100 * hits / gets} % of the reads``."""

    says: Text
    that: Text
    shows: str = ""


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A story. ``rests_on``: the safeguards without which one of its claims fails."""

    title: Text
    act: Annotated[list[Act], Meta(min_length=1)]
    claim: Annotated[list[Claim], Meta(min_length=1)]
    about: str = ""
    rests_on: list[str] = []
    name: str = ""

    @property
    def flip(self) -> str:
        """The safeguard that is flipped; empty if none is."""
        return ""

    def flipped(self, safeguard: str) -> FlippedStory:
        """Return the story with this safeguard switched in every act, and told accordingly."""
        told = safeguard in self.rests_on
        acts = [_flipped(act, safeguard, told=told) for act in self.act]
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return FlippedStory(**values | {"act": acts, "flipped_safeguard": safeguard})


class FlippedStory(Story, frozen=True):
    """A story with one safeguard switched in every act."""

    flipped_safeguard: str = ""

    @property
    def flip(self) -> str:
        """The safeguard that is flipped."""
        return self.flipped_safeguard


def _flipped(act: Act, safeguard: str, *, told: bool) -> Act:
    on = not getattr(act.safeguards, safeguard)
    title, steps = act.title, act.step
    if told:
        title = act.title_flipped or act.title
        steps = [
            step
            if step.say_flipped is None
            else msgspec.structs.replace(step, say=step.say_flipped)
            for step in act.step
        ]
    return msgspec.structs.replace(
        act, title=title, step=steps, safeguards=act.safeguards.switched(safeguard, on)
    )

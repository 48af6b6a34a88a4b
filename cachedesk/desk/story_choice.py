"""What to play next: a story, perhaps with a safeguard flipped, chosen on the desk."""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.core.safeguards import LABELS
from cachedesk.lab.stories.library import NAMES
from cachedesk.lab.stories.library import story as find
from cachedesk.lab.stories.script import Story


@dataclass(frozen=True, slots=True)
class StoryChoice:
    """A story by name, or by the name of its file; ``flip``: a safeguard to flip, or empty."""

    name: str
    flip: str = ""

    def story(self) -> Story:
        """Return the story; errors as ``library.story``."""
        found = find(self.name)
        return found.flipped(self.flip) if self.flip else found


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered at the end of a story: the key, the words, and what it plays."""

    key: str
    words: str
    choice: StoryChoice


NEXT_KEY, FLIP_KEY = "N", "F"


def offers_after(choice: StoryChoice, story: Story) -> tuple[Offer, ...]:
    """Return what can be played after ``story``: the next one, and this one flipped or as it is."""
    found: list[Offer] = []
    if choice.name in NAMES[:-1]:
        name = NAMES[NAMES.index(choice.name) + 1]
        found.append(Offer(NEXT_KEY, f"next: {find(name).title}", StoryChoice(name)))
    if choice.flip:
        found.append(Offer(FLIP_KEY, "the story as it is", StoryChoice(choice.name)))
    elif story.rests_on:
        flip = story.rests_on[0]
        on = any(flip in act.safeguards.off for act in story.act)
        words = f"flip: the same with {LABELS[flip]} {'on' if on else 'off'}"
        if len({flip in act.safeguards.off for act in story.act}) > 1:
            words = f"flip: the same with {LABELS[flip]} the other way round"
        found.append(Offer(FLIP_KEY, words, StoryChoice(choice.name, flip)))
    return tuple(found)

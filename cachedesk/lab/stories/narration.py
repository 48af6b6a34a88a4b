"""Descriptions of the steps of a story, in a few words."""

from __future__ import annotations

from cachedesk.lab.stories.reading import faults_of
from cachedesk.lab.stories.script import Keys, Step


def doing(step: Step) -> str:
    """Return what ``step`` does, in a few words; empty for a step with narration only."""
    for action in step.actions:
        given = getattr(step, action)
        match action:
            case "set" | "incr" | "delete" | "get":
                return f"{action} {_keys(given)}"
            case "load":
                faults = f" with {', '.join(given.faults)}" if given.faults else ""
                return f"{given.ops:,} operations of the workload {given.workload}{faults}"
            case "inject":
                return f"inject {' and '.join(faults_of(step))}"
            case "worker":
                return f"{given} the worker"
            case "memory":
                return f"give Redis {given} of memory"
            case "safeguard":
                return ", ".join(f"{name} {'on' if on else 'off'}" for name, on in given.items())
            case "drain":
                return "drain the log"
            case "wait":
                return f"wait until {given}"
            case "note":
                return "note " + ", ".join(f"{name} = {text}" for name, text in given.items())
            case _:
                return f"{action} {given}"
    return ""


def _keys(keys: Keys) -> str:
    times = f", {keys.times:,} times each" if keys.times > 1 else ""
    callers = f", by {keys.callers} callers at once" if keys.callers > 1 else ""
    return f"{keys.keys}{times}{callers}"

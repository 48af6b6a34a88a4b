"""The panels' numbers and titles: what the number keys, the frames and the help all go by."""

from __future__ import annotations

FLOW, HIT_RATE, QUEUE_DEPTH, STALENESS, LATENCY, THROUGHPUT, KEYS, EVENTS = range(1, 9)

TITLES = {
    FLOW: "Flow",
    HIT_RATE: "Hit rate",
    QUEUE_DEPTH: "Queue depth",
    STALENESS: "Lag · staleness",
    LATENCY: "Latency",
    THROUGHPUT: "Throughput",
    KEYS: "Hot keys",
    EVENTS: "Events",
}
"""Every panel of the desk by the number that shows and hides it."""

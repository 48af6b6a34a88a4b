"""The flow: the components of the stack and the traffic between them."""

from __future__ import annotations

from cachedesk.desk.panels.spec import Area, PanelSpec, PanelTitle
from cachedesk.desk.widgets.flow_panel import FlowPanel

FLOW = PanelSpec(
    title=PanelTitle(1, "Flow"),
    meaning=(
        "The calls between the components per second, and the state of each. A write goes to the "
        "database (through) or the log (behind) first ¹, then to Redis (set) ², and its caller is "
        "answered (ok); the worker flushes the log ³. A repaired miss fills Redis. A bold arrow "
        "carries traffic that another cannot, ✗ means that nothing gets through, ◇ is an armed "
        "failpoint."
    ),
    area=Area.TOP,
    create=FlowPanel,
    share=lambda snapshot, timespan: snapshot,
    terms=(
        ("Redis", "The cache: it gives speed, and may forget everything at any time."),
        (
            "Log",
            "The write-behind log: accepted events wait here, durable, until SQLite has them.",
        ),
        (
            "Worker",
            "It coalesces a batch per key and flushes it to SQLite; “saved” are row writes.",
        ),
        (
            "SQLite",
            "The system of record, the truth once the log is folded in; flush and read are "
            "medians.",
        ),
    ),
)

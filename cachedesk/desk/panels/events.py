"""The events: what happened to the stack, newest first."""

from __future__ import annotations

from cachedesk.desk.panels.spec import Area, PanelSpec, PanelTitle
from cachedesk.desk.views.incidents import incidents
from cachedesk.desk.widgets.event_list import EventList

EVENTS = PanelSpec(
    title=PanelTitle(8, "Events"),
    meaning=(
        "What happened, newest first. All that one fault causes is one entry, from its cause to "
        "the recovery; with room, its events stand under it."
    ),
    area=Area.LIST,
    terms=(
        (
            "Card",
            "After a fault: how long it lasted, the calls that failed, the p99 of the 5 to 10 s "
            "before it and the highest since, the keys that Redis lost and has again, the writes "
            "that the database lost, and the safeguard that held or was missing. Any key closes "
            "it and acts as usual.",
        ),
    ),
    create=EventList,
    share=lambda snapshot, timespan: incidents(snapshot.events, snapshot.marks),
)

"""The events: what happened to the stack, newest first."""

from __future__ import annotations

from cachedesk.desk.panels.spec import Area, PanelSpec, PanelTitle
from cachedesk.desk.widgets.event_list import EventList

EVENTS = PanelSpec(
    title=PanelTitle(8, "Events"),
    meaning="What happened, newest first.",
    area=Area.LIST,
    create=EventList,
    share=lambda snapshot, timespan: snapshot.events,
)

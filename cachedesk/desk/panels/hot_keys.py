"""The hot keys: the most used keys and their value in each place."""

from __future__ import annotations

from cachedesk.desk.panels.spec import Area, PanelSpec, PanelTitle
from cachedesk.desk.widgets.key_panel import KeyPanel

HOT_KEYS = PanelSpec(
    title=PanelTitle(7, "Hot keys"),
    meaning="The most used keys and their value in each place; the selection follows its key. "
    "While it is shown, reading the values counts in Redis's own figures and keeps those keys "
    "young; the auditor always reads 20 keys a second.",
    area=Area.MAIN,
    create=KeyPanel,
    share=lambda snapshot, timespan: snapshot.hot,
)

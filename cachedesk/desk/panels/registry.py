"""Every panel of the desk.

The number keys, the layout, the frames, the help and the refresh are built from this list: a new
panel is a file beside this one, and a line here.
"""

from __future__ import annotations

from cachedesk.desk.panels.events import EVENTS
from cachedesk.desk.panels.flow import FLOW
from cachedesk.desk.panels.hit_rate import HIT_RATE
from cachedesk.desk.panels.hot_keys import HOT_KEYS
from cachedesk.desk.panels.lag import LAG
from cachedesk.desk.panels.latency import LATENCY
from cachedesk.desk.panels.queue_depth import QUEUE_DEPTH
from cachedesk.desk.panels.spec import AnyPanel
from cachedesk.desk.panels.throughput import THROUGHPUT

PANELS: tuple[AnyPanel, ...] = (
    FLOW,
    HIT_RATE,
    QUEUE_DEPTH,
    LAG,
    LATENCY,
    THROUGHPUT,
    HOT_KEYS,
    EVENTS,
)

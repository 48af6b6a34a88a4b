"""Traces: real traffic, read from a file as a stream of operations.

One file a format; each turns a line into operations, and knows nothing of the others. A line that
cannot be read is an error that names the file, the line and what is wrong with it; what another
program's line means that has no meaning here is counted. Memory stays flat: only one line is held
at a time, and the keys that a capture has written.
"""

from __future__ import annotations

from cachedesk.lab.trace.reading import Reading as Reading
from cachedesk.lab.trace.reading import ReadOptions as ReadOptions
from cachedesk.lab.trace.reading import Trace as Trace
from cachedesk.lab.trace.reading import check as check
from cachedesk.lab.trace.reading import read as read
from cachedesk.lab.trace.record import TraceError as TraceError

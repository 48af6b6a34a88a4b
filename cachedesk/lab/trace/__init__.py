"""Traces: real traffic, read from a file as a stream of operations.

One module per format; each turns a line into operations, independently of the others. A malformed
line is an error that names the file, the line and the problem; a valid line of another program that
has no counterpart here is counted. Memory is bounded: only one line is kept at a time, and the keys
that a capture has written.
"""

from __future__ import annotations

from cachedesk.lab.trace.reading import Reading as Reading
from cachedesk.lab.trace.reading import ReadOptions as ReadOptions
from cachedesk.lab.trace.reading import Trace as Trace
from cachedesk.lab.trace.reading import check as check
from cachedesk.lab.trace.reading import read as read
from cachedesk.lab.trace.record import TraceError as TraceError

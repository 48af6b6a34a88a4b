"""Opening the write-behind log: its queue, its watermarks, and the files of both."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cachedesk.core.failpoints import Failpoints
from cachedesk.stores.files.connections import not_opened
from cachedesk.stores.files.open_files import OpenFiles
from cachedesk.stores.files.watermarks import Watermarks
from cachedesk.stores.queue_log.queue import DurableQueue, Verbatim
from cachedesk.stores.queue_log.queue_log import QueueLog

_FILE = "log.db"
_WATERMARKS_FILE = "witness"
_LOCKED_SECONDS = 0.5


def open_log(folder: Path, failpoints: Failpoints | None = None) -> QueueLog:
    """Open the log in ``folder``, or create it.

    Args:
        folder: the folder with its files.
        failpoints: of the stack; by default none can be armed.

    Raises:
        Damaged: the queue or the watermarks file is damaged.
        DataDirectoryError: a file is locked or cannot be opened now.
    """
    path, marks_file = folder / _FILE, folder / _WATERMARKS_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        queue = DurableQueue(
            str(folder),
            name="events",
            multithreading=True,
            auto_commit=False,
            serializer=Verbatim,
            db_file_name=_FILE,
            timeout=_LOCKED_SECONDS,
        )
        watermarks = Watermarks(marks_file)
        files = OpenFiles(path, [marks_file])
    except (sqlite3.DatabaseError, OSError) as error:
        raise not_opened(f"the write-behind log {path}", error) from error
    return QueueLog(path, queue=queue, watermarks=watermarks, files=files, failpoints=failpoints)

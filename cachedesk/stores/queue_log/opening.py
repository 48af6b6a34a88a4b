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
_WITNESS = "witness"
_LOCKED_SECONDS = 0.5


def open_log(folder: Path, failpoints: Failpoints | None = None) -> QueueLog:
    """Open the log in ``folder``, or create it.

    Args:
        folder: where its files are.
        failpoints: of the stack; by default nothing can be armed.

    Raises:
        Damaged: the queue or the witness is damaged.
        DataDirectoryError: a file is locked or cannot be opened now.
    """
    path, witness = folder / _FILE, folder / _WITNESS
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
        watermarks = Watermarks(witness)
        files = OpenFiles(path, [witness])
    except (sqlite3.DatabaseError, OSError) as error:
        raise not_opened(f"the write-behind log {path}", error) from error
    return QueueLog(path, queue=queue, watermarks=watermarks, files=files, failpoints=failpoints)

"""The desk under full load, as a program that ``cachedesk bench`` starts.

Eight clients run the article workload at full speed, with the desk open or closed. The program
writes the operations per second to a pipe.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from cachedesk.core.settings import Settings
from cachedesk.desk.app import DeskApp
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.session import Session

_CLIENTS = 8
_WARM_UP_SECONDS = 1.0


def main(data: Path, seconds: float, *, is_open: bool) -> float:
    """Return the operations per second over ``seconds``, after one second of warm-up."""
    traffic = WorkloadTraffic("article", 1)
    with Session(data, Settings(), traffic, Load(_CLIENTS)) as session:
        session.start()
        if not is_open:
            return _counted(session, seconds)
        app = DeskApp(session, session, inspector=session, data_label=str(data))

        async def count() -> float:
            found = await asyncio.to_thread(_counted, session, seconds)
            app.exit()
            return found

        async def both() -> float:
            _, found = await asyncio.gather(app.run_async(), count())
            return found

        return asyncio.run(both())


def _counted(session: Session, seconds: float) -> float:
    time.sleep(_WARM_UP_SECONDS)
    done, began = session.driver.tally().done, time.perf_counter()
    time.sleep(seconds)
    return (session.driver.tally().done - done) / (time.perf_counter() - began)


if __name__ == "__main__":
    _path, _seconds, _is_open, _result = sys.argv[1:]
    _found = main(Path(_path), float(_seconds), is_open=_is_open == "1")
    os.write(int(_result), b"%r" % _found)

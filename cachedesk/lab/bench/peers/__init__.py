"""The peers: what a Python developer would write or install instead.

Each does the same durable work, at ``synchronous=FULL``: an acknowledged write is on the disk.
None of them makes the promises of cachedesk, which the notes of the table state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from cachedesk.lab.bench.rivals import Rival

MODULES: Mapping[str, str] = {"huey": "huey", "diskcache": "diskcache"}
"""The module that each peer needs, as in the extra ``bench``."""


def missing() -> list[str]:
    """Return the peers that cannot take part because they are not installed."""
    return [name for name, module in MODULES.items() if find_spec(module) is None]


def open_peers(folder: Path, socket_path: str, share: float) -> list[Rival]:
    """Return the peers that are installed, each in its own folder below ``folder``."""
    makers: dict[str, Callable[[Path], Rival]] = {}
    from cachedesk.lab.bench.peers.ack_queue import AckQueue
    from cachedesk.lab.bench.peers.by_hand import ByHand

    makers["by hand"] = lambda where: ByHand(where, socket_path)
    makers["ack queue"] = lambda where: AckQueue(where, socket_path, share)
    absent = missing()
    if "huey" not in absent:
        from cachedesk.lab.bench.peers.huey_tasks import HueyTasks

        makers["huey"] = lambda where: HueyTasks(where, socket_path, share)
    if "diskcache" not in absent:
        from cachedesk.lab.bench.peers.disk_cache import DiskCache

        makers["diskcache"] = DiskCache
    opened: list[Rival] = []
    try:
        for name, make in makers.items():
            where = folder / name.replace(" ", "-")
            where.mkdir()
            opened.append(make(where))
    except BaseException:
        for peer in opened:
            peer.close()
        raise
    return opened

"""What a server says of itself, by INFO, as figures."""

from __future__ import annotations

from collections.abc import Mapping

from cachedesk.core.watched_server import CommandCost, ServerFigures

SECTIONS = (
    "server",
    "clients",
    "memory",
    "stats",
    "cpu",
    "keyspace",
    "commandstats",
    "replication",
)
"""What is asked for, section by section: Redis 6.2 takes one in a call."""


def fields(replies: tuple[bytes, ...]) -> dict[str, str]:
    """Return the fields of all sections by name."""
    lines = (line for reply in replies for line in reply.decode(errors="replace").splitlines())
    pairs = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name: value for name, found, value in pairs if found}


def figures(said: Mapping[str, str], database: int, at: float) -> ServerFigures:
    """Return the figures in the fields of INFO.

    Args:
        said: the fields by name; one that this server does not have counts as 0.
        database: whose keys to count.
        at: when it was said.
    """
    valkey = said.get("server_name") == "valkey" or "valkey_version" in said
    databases = {name: _keys(value) for name, value in said.items() if name[:2] == "db"}
    return ServerFigures(
        at=at,
        product="Valkey" if valkey else "Redis",
        version=said.get("valkey_version") or said.get("redis_version", "?"),
        mode=said.get("server_mode") or said.get("redis_mode", "standalone"),
        role=said.get("role", "master"),
        uptime_seconds=_number(said, "uptime_in_seconds"),
        hits=_whole(said, "keyspace_hits"),
        misses=_whole(said, "keyspace_misses"),
        commands=_whole(said, "total_commands_processed"),
        evicted=_whole(said, "evicted_keys"),
        expired=_whole(said, "expired_keys"),
        cpu_seconds=_cpu(said),
        memory_bytes=_whole(said, "used_memory"),
        dataset_bytes=_whole(said, "used_memory_dataset"),
        maxmemory_bytes=_whole(said, "maxmemory"),
        eviction_policy=said.get("maxmemory_policy", ""),
        clients=_whole(said, "connected_clients"),
        keys=databases.get(f"db{database}", 0),
        keys_everywhere=sum(databases.values()),
        costs=tuple(
            _cost(name.removeprefix("cmdstat_"), value)
            for name, value in said.items()
            if name.startswith("cmdstat_")
        ),
    )


def _cpu(said: Mapping[str, str]) -> float:
    main = [f"used_cpu_{kind}_main_thread" for kind in ("sys", "user")]
    names = main if all(name in said for name in main) else ["used_cpu_sys", "used_cpu_user"]
    return sum(_number(said, name) for name in names)


def _cost(name: str, value: str) -> CommandCost:
    parts = dict(part.partition("=")[::2] for part in value.split(","))
    return CommandCost(name.lower(), _whole(parts, "calls"), _number(parts, "usec") / 1e6)


def _keys(value: str) -> int:
    return _whole(dict(part.partition("=")[::2] for part in value.split(",")), "keys")


def _whole(said: Mapping[str, str], name: str) -> int:
    return int(_number(said, name))


def _number(said: Mapping[str, str], name: str) -> float:
    try:
        return float(said.get(name, 0))
    except ValueError:
        return 0.0

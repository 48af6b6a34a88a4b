"""Records what ``redis-cli MONITOR`` prints of a real server, once for each version.

    python record.py /usr/bin/redis-server /usr/bin/redis-cli /usr/bin/redis-benchmark

writes ``redis-7.0.15.txt`` and beside it ``redis-7.0.15.json``: the values that the server held at
the end. The tests only read these files; new ones are made by hand when there is a new version.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import redis

HERE = Path(__file__).parent
SECONDS = 60.0


def main(server: str, client: str, benchmark: str) -> None:
    """Start the server, capture some traffic and keep it."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/s"
        process = subprocess.Popen(
            [server, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            until(lambda: Path(path).exists())
            link = redis.Redis(unix_socket_path=path)
            until(link.ping)
            captured = Path(folder, "captured")
            with captured.open("wb") as out:
                watcher = subprocess.Popen([client, "-s", path, "MONITOR"], stdout=out)
                until(lambda: captured.read_bytes().startswith(b"OK"))
                subprocess.run(
                    [benchmark, "-s", path, "-n", "3", "-c", "1", "-P", "2", "-r", "9", "-q"],
                    stdout=subprocess.DEVNULL,
                )  # fmt: skip
                everything(link, path)
                link.flushall()
                exact(link, path)
                state = {key.decode("latin-1"): link.get(key) for key in sorted(link.keys())}
                link.echo("the end")
                until(lambda: b'"the end"' in captured.read_bytes())
                watcher.terminate()
                watcher.wait()
            keep(link.info("server"), captured.read_bytes(), state)
        finally:
            process.terminate()
            process.wait()


def everything(link: redis.Redis, path: str) -> None:
    """Send what clients send: strings and all else, right and wrong, from several places."""
    for name in (
        "plain",
        "blank  x",
        'quo"te',
        "back\\slash",
        "tab\t",
        "line\r\n",
        "caf\u00e9",
        "\x00",
    ):
        link.set(name, f"{name}!")
        link.get(name)
    link.set(b"\xff\xfe", b"\x80\x81")
    link.set("empty", "")
    link.set("session:1", "x", ex=100)
    link.setex("session:2", 100, "x")
    link.psetex("session:3", 100_000, "x")
    link.expire("plain", 100)
    link.execute_command("EXPIREAT", "caf\u00e9", 1)
    link.execute_command("PEXPIRE", "empty", -1)
    for words in (
        "SET lock 1 NX", "SETNX lock 2", "APPEND plain y", "SETRANGE plain 1 zz",
        "RENAME plain other", "SETBIT bits 7 1", "INCRBYFLOAT f 1.5", "INCRBY views:a 1.5",
        "INCRBY views:a word",
        "INCRBY views:a 9223372036854775808", "INCRBY views:a 5", "DECRBY views:a -2",
        "SET k v EX 0", "SET k v WHAT", "GETSET views:a 9", "MSET a 1 b 2", "MSETNX a 1 c 2",
        "HSET h f v", "HINCRBY h n 1", "LPUSH l 1 2 3", "BRPOP l 1", "SADD s a b", "ZADD z 1 a",
        "XADD x * f v", "PFADD p a", "GEOADD g 1 2 m", "SINTERSTORE d s", "EVAL return 0 0",
        "SCAN 0", "DBSIZE", "TYPE a", "OBJECT ENCODING a", "CLIENT LIST", "CONFIG GET save", "TIME",
        "INCR h", "LPUSH a 1", "NOSUCHCOMMAND x", "GET", "COPY a c", "GETDEL b", "GETEX a EX 100",
        "UNLINK a", "AUTH wrong", "HELLO 2", "DEBUG SLEEP 0",
    ):  # fmt: skip
        try:
            link.execute_command(*words.split(" "))
        except redis.RedisError:
            continue
    link.eval("redis.call('incr', KEYS[1]); return redis.call('get', KEYS[1])", 1, "views:lua")
    digest = link.script_load("return redis.call('set', KEYS[1], ARGV[1])")
    link.evalsha(digest, 1, "lua", "1")
    with link.pipeline(transaction=True) as pipe:
        pipe.incr("views:b").set("in:multi", "1").execute()
    with link.pipeline(transaction=False) as pipe:
        pipe.mget("a", "b", "k" * 1_030).delete("b", "k" * 1_030).execute()
    second = redis.Redis(unix_socket_path=path, db=2)
    second.set("a", "2")
    second.set("b", "2")
    second.flushdb()
    second.mset({"c": "2", "d": "\x01"})


def exact(link: redis.Redis, path: str) -> None:
    """Send only commands that a capture shows in full."""
    for number in range(20):
        link.incrby(f"views:{number % 7}", number - 3)
        link.set(f"session:{number % 5}", bytes(range(number * 12, number * 12 + 12)))
        link.delete(f"session:{number % 3}")
    link.set("gone", "1", ex=1_000)
    link.execute_command("PEXPIREAT", "gone", 1)
    link.decr("views:1")
    link.getset("session:4", "last")
    link.eval("return redis.call('incrby', KEYS[1], 5)", 1, "views:lua")


def keep(info: dict[str, object], captured: bytes, state: dict[str, bytes]) -> None:
    """Write the capture, and the values of the first database."""
    kind = "valkey" if "valkey_version" in info else "redis"
    name = f"{kind}-{info.get('valkey_version', info['redis_version'])}"
    # Remove the local socket path.
    captured = re.sub(rb"unix:\S+?\]", b"unix:/run/redis.sock]", captured)
    (HERE / f"{name}.txt").write_bytes(captured)
    values = {key: value.decode("latin-1") for key, value in state.items()}
    (HERE / f"{name}.json").write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
    print(name, len(captured), "bytes", captured.count(b"\n"), "lines")


def until(condition: Callable[[], object]) -> None:
    """Return as soon as ``condition`` holds."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except redis.ConnectionError:
            pass
        time.sleep(0.01)
    raise TimeoutError


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A process that has loaded all that the commands need, and forks one process for each command.

Loading takes most of the time of a short command, and the tests run hundreds. Each of them is a
process of its own all the same: it runs ``main`` and ends as the interpreter ends. That every
command loads by itself what it needs is tested in ``test_start``.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile

import cachedesk

ROOT = Path(__file__).parents[2]
SECONDS = 600.0
_MOST_BYTES = 1 << 20
_APART = ("cachedesk.__main__", "cachedesk.desk", "cachedesk.lab.bench", "cachedesk.lab.run.bar")


class Warm:
    """The process, seen from the tests: start it, ``run`` commands, ``close`` it."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
            )

    def run(
        self, arguments: Sequence[str | bytes], environment: Mapping[str, str]
    ) -> CompletedProcess[bytes]:
        """Run ``cachedesk`` with these arguments to its end."""
        request = {
            "arguments": [os.fsdecode(each) for each in arguments],
            "environment": dict(environment),
            "folder": os.getcwd(),
        }
        with open(os.devnull, "rb") as nothing, TemporaryFile() as out, TemporaryFile() as err:
            files = [nothing.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(self._channel, [json.dumps(request).encode()], files)
            pid = int(self._channel.recv(_MOST_BYTES))
            try:
                code = int(self._channel.recv(_MOST_BYTES))
            except TimeoutError:
                os.kill(pid, 9)
                raise
            out.seek(0)
            err.seek(0)
            return CompletedProcess(request["arguments"], code, out.read(), err.read())

    def close(self) -> None:
        """End it."""
        self._channel.close()
        self._process.wait(SECONDS)


def serve(channel: socket.socket) -> None:
    """Fork a process for each request, until the tests end; return in each of those processes."""
    while True:
        request, files, _, _ = socket.recv_fds(channel, _MOST_BYTES, 3)
        if not request:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            channel.close()
            become(json.loads(request), files)
            return
        for file in files:
            os.close(file)
        channel.send(b"%d" % pid)
        _, status = os.waitpid(pid, 0)
        channel.send(b"%d" % os.waitstatus_to_exitcode(status))


def become(request: dict[str, object], files: Sequence[int]) -> None:
    """Take over what the command is to have: its files, environment, folder and arguments."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    os.chdir(request["folder"])  # type: ignore[arg-type]
    sys.argv = ["cachedesk", *request["arguments"]]  # type: ignore[misc]


def load() -> None:
    """Load what commands without a screen may need."""
    for module in pkgutil.walk_packages(cachedesk.__path__, "cachedesk."):
        if not module.name.startswith(_APART):
            importlib.import_module(module.name)
    importlib.import_module("sqlite_utils")
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    load()
    serve(socket.socket(fileno=int(sys.argv[1])))
    from cachedesk.cli.main import main

    main()

"""A web server that forks its workers, as gunicorn does: standard library only.

python prefork.py MODULE WORKERS preload|lazy
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer


class Silent(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def main(module: str, workers: int, *, preload: bool) -> None:
    sys.path.insert(0, os.getcwd())
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    if preload:
        importlib.import_module(module)
    serving: set[int] = set()
    ends = False
    parent = os.getpid()

    def end(*_: object) -> None:
        nonlocal ends
        if os.getpid() != parent:
            os._exit(0)  # a worker that has no handler of its own yet
        ends = True
        for worker in serving:
            os.kill(worker, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    for _ in range(workers):
        serving.add(started(module, listening))
    print(listening.getsockname()[1], *serving, flush=True)
    while serving:
        worker, _ = os.wait()
        serving.discard(worker)
        if not ends:
            again = started(module, listening)
            serving.add(again)
            if ends:  # asked to end while it was started
                os.kill(again, signal.SIGTERM)


def started(module: str, listening: socket.socket) -> int:
    """Fork a worker."""
    worker = os.fork()
    if worker:
        return worker
    over = False

    def end(*_: object) -> None:
        # Not by an exception: wsgiref catches every one that comes during a request.
        nonlocal over
        over = True

    signal.signal(signal.SIGTERM, end)
    application: Callable[..., object] = importlib.import_module(module).application
    server = WSGIServer(listening.getsockname(), Silent, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = "127.0.0.1", listening.getsockname()[1]
    server.setup_environ()
    server.set_app(application)
    server.timeout = 0.1
    # Another worker may take the connection first.
    listening.setblocking(False)
    while not over:
        server.handle_request()
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), preload=sys.argv[3] == "preload")

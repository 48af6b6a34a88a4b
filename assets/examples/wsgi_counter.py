"""A web page that counts its views. Standard library only; any WSGI server takes `application`.

    python wsgi_counter.py [PORT]

With a server that forks (gunicorn): open the stack in the process that uses it, and let one worker
process have the data directory.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable
from threading import Thread
from wsgiref.simple_server import make_server

import cachedesk

POLICIES = {"views:*": "write-behind"}
Application = Callable[..., Iterable[bytes]]


def application(cache: cachedesk.CacheLayer) -> Application:
    """Return the WSGI application that counts in `cache`."""

    def app(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        try:
            views = cache.incr(f"views:{path}")
        except cachedesk.InvalidKey as error:
            status, text = "400 Bad Request", str(error)
        except cachedesk.Unavailable as error:
            status, text = "503 Service Unavailable", str(error)
        else:
            status, text = "200 OK", f"{path} was viewed {views} times"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text}\n".encode()]

    return app


def main(port: int) -> None:
    with (
        cachedesk.open("data", policies=POLICIES) as cache,
        make_server("127.0.0.1", port, application(cache)) as server,
    ):
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        # Not by KeyboardInterrupt: wsgiref swallows one that comes while a request is handled.
        signal.signal(signal.SIGINT, lambda *_: Thread(target=server.shutdown).start())
        server.serve_forever()
    print("closed; what is pending is in the log")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 8000)

"""The driver of an app in a browser; several apps of a process may follow each other in one tab.

Textual's own driver is made for one app in a process: it greets the server at the start, closes the
tab at the end, and leaves what it has read but not handled.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from codecs import getincrementaldecoder
from typing import Any

from textual import events, messages
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers._byte_stream import ByteStream
from textual.drivers._input_reader import InputReader
from textual.drivers.web_driver import WebDriver

from cachedesk.desk.terminal.browser_tab import TAB

NAME = "cachedesk.desk.terminal.served_driver:ServedDriver"
"""What ``TEXTUAL_DRIVER`` is set to."""

_GREETING = b"__GANGLION__\n"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ServedDriver(WebDriver):
    """Shows an app in the tab of this process; takes the arguments of Textual's driver."""

    current: ServedDriver | None = None
    """That of the app which is shown; ``None`` between two apps."""

    _reads = False
    """Whether the one thread that reads for all apps of this process was started."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size or TAB.size)
        self._write = self._send  # type: ignore[assignment]
        # The one that reads outlives its app; it must not keep the process alive.
        self._key_thread.daemon = True
        self._parser = XTermParser(debug=debug)
        self._decode = getincrementaldecoder("utf-8")().decode

    def start_application_mode(self) -> None:
        """Show the app in the tab."""
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        ServedDriver.current = self
        super().start_application_mode()
        loop = asyncio.get_running_loop()
        for number, handler in before.items():
            if callable(handler):
                # That of the process ends all of it; Textual's ends this app only.
                loop.remove_signal_handler(number)
                signal.signal(number, handler)
        self._app.call_later(self._follow_tab)

    def stop_application_mode(self) -> None:
        """Leave the tab as it is; close it unless another app may follow."""
        self.exit_event.set()
        ServedDriver.current = None
        if not TAB.kept:
            self._close_tab()

    def run_input_thread(self) -> None:
        """Read for this app and those after it; return at once if a thread does so already."""
        if ServedDriver._reads:
            return
        ServedDriver._reads = True
        stream = ByteStream()
        for data in InputReader():
            packets = stream.feed(data) if data else ()
            for kind, payload in packets:
                _take(kind, payload)
            if (driver := ServedDriver.current) is not None:
                driver.tick()

    def take_keys(self, data: bytes) -> None:
        """Pass on what was typed."""
        for event in self._parser.feed(self._decode(data)):
            self.process_message(event)

    def tick(self) -> None:
        """Pass on a key that is complete because nothing has followed it."""
        for event in self._parser.tick():
            self.process_message(event)

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Handle what the server reports, and remember it for the next app."""
        TAB.note(packet_type, payload)
        super().on_meta(packet_type, payload)

    def _follow_tab(self) -> None:
        """Tell an app that has just begun what was reported before."""
        if TAB.closed:
            self._app.post_message(messages.ExitApp())
        elif TAB.focused:
            self._app.post_message(events.AppFocus())

    def _close_tab(self) -> None:
        self.write_meta({"type": "exit"})

    def _send(self, data: bytes) -> int:
        """Write ``data`` to the server; greet it only once."""
        if data == _GREETING:
            if TAB.close is not None:
                return len(data)
            TAB.close = self._close_tab
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.fileno, rest) :]
        return len(data)


def _take(kind: str, payload: bytes) -> None:
    """Handle one packet from the server."""
    driver = ServedDriver.current
    if kind == "D":
        # Keys between two apps are for neither.
        if driver is not None:
            driver.take_keys(payload)
        return
    report = json.loads(payload)
    if driver is not None:
        driver.on_meta(report["type"], report)
    else:
        TAB.note(report["type"], report)

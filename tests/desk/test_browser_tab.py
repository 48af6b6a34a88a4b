"""The tab of a served desk: what the next app in it is told, and when it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from cachedesk.desk.modes.serve import _FRAME_BYTES, _FromFirstFrame
from cachedesk.desk.terminal import browser_tab
from cachedesk.desk.terminal.browser_tab import TAB, BrowserTab, one_tab


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Stand for a served process; the list has an item for each time that its tab was closed."""
    times: list[bool] = []
    monkeypatch.setattr(TAB, "close", lambda: times.append(TAB.kept))
    yield times
    assert not TAB.kept


def test_the_next_app_is_told_what_was_reported_before():
    tab = BrowserTab()
    tab.note("resize", {"width": 133, "height": 31})
    tab.note("focus", {})
    assert (tab.size, tab.focused, tab.closed) == ((133, 31), True, False)
    tab.note("blur", {})
    tab.note("quit", {})
    tab.note("ping", {})
    assert (tab.size, tab.focused, tab.closed) == ((133, 31), False, True)


@pytest.mark.parametrize("size", [{"width": "1", "height": 2}, {"width": None, "height": None}])
def test_a_size_that_is_none_is_ignored(size):
    tab = BrowserTab(size=(80, 24))
    tab.note("resize", size)
    assert tab.size == (80, 24)


def test_the_tab_is_closed_once_after_the_last_app(closed):
    with one_tab():
        assert TAB.kept
        assert closed == []
    assert closed == [False]


def test_the_tab_is_closed_after_an_error_too(closed):
    with pytest.raises(ZeroDivisionError), one_tab():
        raise ZeroDivisionError
    assert closed == [False]


def test_in_a_terminal_there_is_none_to_close():
    assert browser_tab.TAB.close is None
    with one_tab():
        pass


def test_nothing_is_sent_before_the_first_frame():
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(data)

    async def go() -> None:
        show = _FromFirstFrame(send)
        await show(b"\x1b[?1049h")
        await show(b"\x1b[?25l")
        assert sent == []
        await show(b"x" * _FRAME_BYTES)
        await show(b"y")

    asyncio.run(go())
    assert sent == [b"\x1b[?1049h\x1b[?25l" + b"x" * _FRAME_BYTES, b"y"]

"""A toast that comes too late ends at once, and does not hang the desk."""

from __future__ import annotations

from time import time

from textual.notifications import Notify
from textual.widgets._toast import Toast

from cachedesk.desk.terminal.lasting_toast import LastingToast

from .piloting import RecordingControl, desk, drive, until


def test_the_time_that_is_left_is_never_over():
    late = LastingToast("late", timeout=5, raised_at=time() - 3_600)
    assert late.time_left > 0
    assert late.has_expired
    early = LastingToast("early", timeout=5)
    assert 4 < early.time_left <= 5
    assert not early.has_expired


def test_a_toast_that_is_made_after_its_time_goes_away():
    """As on a machine that stands still between the notification and its toast."""

    class Late(LastingToast):
        has_expired = False

    async def script(pilot):
        app = pilot.app
        app.post_message(Notify(Late("late", timeout=5, raised_at=time() - 3_600)))
        await until(pilot, lambda: bool(app.screen.query(Toast)), "it is shown")
        await until(pilot, lambda: not app.screen.query(Toast), "it is gone")

    drive(desk(RecordingControl()), script)


def test_every_notification_lasts():
    async def script(pilot):
        pilot.app.notify("said")
        await until(pilot, lambda: len(pilot.app._notifications) > 0, "it is told")
        assert all(isinstance(it, LastingToast) for it in pilot.app._notifications)

    drive(desk(RecordingControl()), script)

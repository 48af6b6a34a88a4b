"""What the desk looks like, to the cell. Look at each picture before accepting a new one."""

from __future__ import annotations

import pytest

from . import scenes
from .piloting import RecordingControl, desk
from .scenes import FixedSource

SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((120, 40), id="120x40")]


def shown(scene, control=True):
    return desk(RecordingControl() if control else None, FixedSource(scene))


@pytest.mark.parametrize("size", SIZES)
class TestLooks:
    def test_healthy(self, snap_compare, size):
        assert snap_compare(shown(scenes.HEALTHY), terminal_size=size)

    def test_redis_down(self, snap_compare, size):
        assert snap_compare(shown(scenes.REDIS_DOWN), terminal_size=size)

    def test_all_down(self, snap_compare, size):
        assert snap_compare(shown(scenes.ALL_DOWN), terminal_size=size)

    def test_frozen(self, snap_compare, size):
        assert snap_compare(shown(scenes.HEALTHY), terminal_size=size, press=["space"])

    def test_help(self, snap_compare, size):
        assert snap_compare(shown(scenes.HEALTHY), terminal_size=size, press=["question_mark"])


def test_unbalanced(snap_compare):
    assert snap_compare(shown(scenes.UNBALANCED))


def test_odd_keys(snap_compare):
    assert snap_compare(shown(scenes.ODD_KEYS), terminal_size=(120, 40))


def test_read_only(snap_compare):
    assert snap_compare(shown(scenes.HEALTHY, control=False))

"""The environment of the desk's tests: nothing on the screen may depend on the machine."""

import os
import time

os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TZ"] = "UTC"
os.environ["COLORTERM"] = "truecolor"
os.environ.pop("NO_COLOR", None)
os.environ.pop("TEXTUAL_THEME", None)
time.tzset()

from textual import constants  # noqa: E402

# The snapshot plugin has imported Textual before this file could speak.
constants.TEXTUAL_ANIMATIONS = "none"  # type: ignore[misc]

import pytest  # noqa: E402
from textual.widgets import Input  # noqa: E402

from . import matching, parsing, settling  # noqa: E402

# A picture must not depend on the moment at which it is taken.
Input.cursor_blink._default = False  # type: ignore[attr-defined]
settling.install()
parsing.install()
matching.install()


@pytest.fixture(autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the desk remembers of its user apart from that of the user who runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))

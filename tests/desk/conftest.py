"""The environment of the desk's tests: nothing on the screen may depend on the machine."""

import os
import time

os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TZ"] = "UTC"
os.environ.pop("NO_COLOR", None)
os.environ.pop("TEXTUAL_THEME", None)
time.tzset()

from textual import constants  # noqa: E402

# The snapshot plugin has imported Textual before this file could speak.
constants.TEXTUAL_ANIMATIONS = "none"  # type: ignore[misc]

from . import parsing, settling  # noqa: E402

settling.install()
parsing.install()

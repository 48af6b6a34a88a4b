"""What is printed for programs is printed, or missed loudly."""

from __future__ import annotations

import pytest

from cachedesk.output import print_bytes, print_json


def test_json_that_cannot_be_printed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(OSError, match="standard output is closed"):
        print_json({"sound": True})
    # A sentence for a person is not missed where no person reads.
    print_bytes(b"Sound")

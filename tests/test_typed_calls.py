"""What a type checker sees of the library: right calls pass, and wrong ones do not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from dataclasses import dataclass

import cachedesk
from cachedesk import testing

@dataclass
class User:
    id: int

with cachedesk.open("d") as cache:
    value: bytes | None = cache.get("k")
    other: bytes | int = cache.get("k", 5)
    item: bytes = cache["k"]
    cache["k"] = "x"
    added: bool = cache.add("k", 1, ttl="5s")
    receipt = cache.cas("k", 1, None)
    if receipt:
        print(receipt.seq)
    loaded: bytes | None = cache.get_or_set("k", lambda: "x", ttl=5)
    cache.set("k", {"a": 1})  # wrong

    @cache.memoize(key="user:{id}", ttl=5)
    def user(id: int) -> User:
        return User(id)

    one: User = user(1)
    user("x")  # wrong
    user.invalidate(1)
    user.invalidate()  # wrong
    deleted: int = user.invalidate_all()

page = cachedesk.Policy("write-behind", negative_ttl="5s", stale_on_error=30)
with cachedesk.open("d", codec="json", policies={"page:*": page}) as coded:
    coded.set("k", {"a": 1})
    print(coded.get("k")["a"])
    coded["k"] = User(1)
with testing.open(codec={"user:*": cachedesk.JsonCodec(User), "*": None}) as memory:
    memory["user:1"] = User(1)
"""


@pytest.mark.slow
def test_a_type_checker_finds_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    wrong = [n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--strict", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    found = [int(line) for line in re.findall(r"^program\.py:(\d+): error", done.stdout, re.M)]
    assert found == wrong, done.stdout + done.stderr

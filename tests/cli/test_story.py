"""``cachedesk story``: runs and checks a story, prints it, and rejects an invalid file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cachedesk.lab.stories.library import NAMES

from .conftest import Command

pytestmark = pytest.mark.slow


def test_a_story_is_told_and_its_claims_checked(cachedesk: Command) -> None:
    done = cachedesk("story", "so-we-add-a-queue")
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode()
    assert "The log still has 200 events." in told
    assert told.splitlines()[-1].startswith("Every claim of so-we-add-a-queue")


def test_json_is_one_object_on_the_last_line(cachedesk: Command) -> None:
    done = cachedesk("story", "the-gap", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["holds"] is True
    (story,) = found["stories"]
    assert story["story"] == "the-gap"
    assert story["claims"][0]["holds"] is True
    assert story["acts"][0]["figures"]["lost"] == 200


def test_a_flipped_safeguard_breaks_it(cachedesk: Command) -> None:
    done = cachedesk("story", "the-gap", "--flip", "log")
    assert done.returncode == 1
    assert b"not so" in done.stdout
    assert b"nothing is lost: 3 of 4 claims no longer hold" in done.stdout


def test_all_are_listed(cachedesk: Command) -> None:
    listed = cachedesk("story", "--list")
    assert listed.returncode == 0
    assert len(listed.stdout.splitlines()) == len(NAMES)
    assert cachedesk("story").stdout == listed.stdout
    assert len(json.loads(cachedesk("story", "--list", "--json").stdout)["stories"]) == len(NAMES)


def test_a_story_of_ones_own(cachedesk: Command, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes(cachedesk("story", "read-repair", "--show").stdout)
    done = cachedesk("story", own, "--data", tmp_path / "kept", "--times", 1)
    assert done.returncode == 0, done.stderr
    dumped = cachedesk("dump", "--data", tmp_path / "kept" / "own" / "repaired")
    assert json.loads(dumped.stdout.splitlines()[0]) == ["views:article:1", "101"]
    again = cachedesk("story", own, "--data", tmp_path / "kept")
    assert again.returncode == 2
    assert b"cannot create" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("the-gab",), "did you mean 'the-gap'?"),
        (("missing.toml",), "missing.toml: cannot read"),
        (("the-gap", "--flip", "lok"), "did you mean 'log'?"),
        (("the-gap", "--all"), "leave the name out"),
    ],
)
def test_what_cannot_be_played_is_one_line(
    cachedesk: Command, arguments: tuple[str, ...], says: str
) -> None:
    done = cachedesk("story", *arguments)
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b""


def test_a_report_of_a_story(cachedesk: Command, tmp_path: Path) -> None:
    report = tmp_path / "gap.html"
    done = cachedesk("story", "the-gap", "--report", report)
    assert done.returncode == 0, done.stderr
    assert b"No payment is lost" in report.read_bytes()
    assert cachedesk("story", "the-gap", "--report", report).returncode == 2

"""The documents match the code: links resolve, names exist, every promise is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cachedesk import __version__
from cachedesk.cli.main import cli
from cachedesk.core.failpoints import POINTS
from cachedesk.recording.frames import FORMAT
from cachedesk.stores.queue_log.record import VERSION
from cachedesk.stores.sqlite.schema import SCHEMA_VERSION

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "assets" / "docs"
DOCUMENTS = [
    ROOT / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
    *sorted((ROOT / "tests").rglob("README.md")),
]
ARCHITECTURE = (DOCS / "architecture.md").read_text("utf-8")
PLANTED = (
    "tests/torture/planted",
    "tests/model/planted.py",
    "tests/engine/test_planted_bugs.py",
    "tests/engine/test_planted_dead_letters.py",
    "tests/engine/test_expiry.py",
    "tests/engine/test_face.py",
    "tests/engine/test_negative.py",
    "tests/engine/test_stale_on_error.py",
)
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS]
)


def sources() -> Iterator[tuple[Path, str]]:
    """Yield every file of code with its text, but for this one."""
    for folder in ("cachedesk", "tests", ".ci", "assets/examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__):
                yield path, path.read_text("utf-8")


def anchors(document: Path) -> set[str]:
    """Return what a link may name behind a ``#``, made of headings as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@each_document
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_document
def test_every_file_that_is_named_is_there(document: Path) -> None:
    text = document.read_text("utf-8")
    for name in re.findall(r"`((?:cachedesk|tests|assets|\.github|\.ci)/[^`\s]*)`", text):
        assert (ROOT / name).exists(), name


@each_document
def test_every_command_and_option_that_is_named_is_there(document: Path) -> None:
    text = document.read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for line in [*lines, *re.findall(r"`(cachedesk [^`]*)`", text)]:
        for words in re.findall(r"\bcachedesk ([a-z-][^#&|]*)", line):
            check_command(words.split())


def check_command(words: list[str]) -> None:
    """See that the command of a line, and each of its long options, is there."""
    command: click.Command = cli
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    for word in words:
        if word.startswith("--") and word.strip("-"):
            assert word.partition("=")[0].rstrip(".,;\"'") in options | {"--help"}, words
    if isinstance(command, click.Group) and words:
        assert words[0].startswith("-"), f"there is no command {words[0]}"


def test_every_failpoint_that_is_named_is_there() -> None:
    parts = {point.partition(".")[0] for point in POINTS}
    named = re.findall(r"`([a-z]+\.[a-z_]+\.[a-z_]+)`", ARCHITECTURE)
    assert named
    assert {name for name in named if name.partition(".")[0] in parts} <= set(POINTS)


def test_every_promise_that_the_code_refers_to_is_told() -> None:
    told = {int(number) for number in re.findall(r"^### (\d+)\. ", ARCHITECTURE, re.MULTILINE)}
    assert told == set(range(1, 11))
    found = {
        int(number)
        for _, text in sources()
        for numbers in re.findall(r"\bpromises? (\d+(?:(?:,| and) \d+)*)", text)
        for number in re.findall(r"\d+", numbers)
    }
    assert found
    assert found <= told


def test_no_code_refers_to_a_document_that_is_not_here() -> None:
    elsewhere = re.compile(r"\b(DESIGN|HOUSE|HAZARDS|MACHINES)(\.md)?\b(?=[,.] |\.md)|the design, ")
    for path, text in sources():
        assert not elsewhere.search(text), path
        for name in re.findall(r"``((?:assets|\.github)/[^`]*)``", text):
            assert (ROOT / name).exists(), (path, name)


def planted(*names: str) -> set[str]:
    """Return the planted bugs of files and folders of tests: functions of what plants them."""
    places = [ROOT / name for name in names]
    paths = [
        path for place in places for path in (place.glob("*.py") if place.is_dir() else [place])
    ]
    trees = [ast.parse(path.read_text("utf-8")) for path in paths]
    defined = (it for tree in trees for it in tree.body if isinstance(it, ast.FunctionDef))
    arguments = {it.name: [each.arg for each in it.args.args] for it in defined}
    return {name for name, its in arguments.items() if its in (["plant"], ["patch"])}


def test_every_planted_bug_attacks_a_promise_and_is_there() -> None:
    lines = re.findall(r"^- Planted\b(.*?)(?=^- |^#|\n\n)", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    named = {name for line in lines for name in re.findall(r"`(\w+)`", line)}
    assert named == planted(*PLANTED)


def test_the_versions_that_are_told_are_those_of_the_code() -> None:
    files = (DOCS / "files.md").read_text("utf-8")
    assert f"| database | {SCHEMA_VERSION} |" in files
    assert f"| log record | {VERSION} |" in files
    recording = (DOCS / "recording-format.md").read_text("utf-8")
    assert f"\ncachedesk recording {FORMAT:03d}\n" in recording
    assert [int(it) for it in re.findall(r"^\| (\d+) \|", recording, re.MULTILINE)][-1] == FORMAT
    changes = (DOCS / "CHANGELOG.md").read_text("utf-8")
    assert f"## {__version__}" in changes

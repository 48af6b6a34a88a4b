"""Reports as files: the verdict first, the same facts in each form, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import (
    DatabaseState,
    Event,
    EventKind,
    Latencies,
    Mark,
    Percentiles,
    RedisState,
    Tick,
)
from cachedesk.lab.judge.verdict import Difference, StaleRead, Verdict
from cachedesk.lab.load.tally import Tally
from cachedesk.lab.run.evidence import Evidence
from cachedesk.lab.run.run_report import RunReport
from cachedesk.lab.run.schedule import InjectedFault
from cachedesk.lab.run.timeline import Timeline
from cachedesk.lab.stories.library import story
from cachedesk.lab.stories.scene import ClaimResult
from cachedesk.lab.stories.script import Act, Claim, Keys, Step, Story
from cachedesk.lab.stories.story_report import StoryReport, play
from cachedesk.lab.stories.story_runner import PlayedAct
from cachedesk.lab.torture.torture_report import TortureReport
from cachedesk.reports.document import Document, Origin
from cachedesk.reports.file import ReportError, as_json, check_report, write_report
from cachedesk.reports.html import as_html
from cachedesk.reports.markdown import as_markdown
from cachedesk.reports.origin import origin, repeated
from cachedesk.reports.run import run_document
from cachedesk.reports.story import story_document
from cachedesk.reports.torture import torture_document
from cachedesk.reports.words import ids, shown, span, visible

NASTY = b"<script>alert(1)</script>&\"'"
NOT_UTF8 = b"k\xff\x00"
NOT_ASCII = "схема:ключ".encode()
BEGAN = 1_700_000_000.0
ORIGIN = Origin(BEGAN, "cachedesk run --seed 7", {"cachedesk": "0", "Redis": "6.2"}, 7)

SOUND = Verdict(
    accepted=1234,
    applied=1230,
    pending=3,
    dead=1,
    lost=(),
    duplicated=(),
    phantoms=(),
    wrong=(),
    unfounded=(),
    stale_reads=0,
    stale=(),
    uncertain=(),
)
BROKEN = replace(
    SOUND,
    applied=1228,
    lost=(41, 42),
    lost_keys=(NASTY, NOT_UTF8),
    duplicated=(7,),
    wrong=(Difference(NOT_ASCII, b"1", None),),
    stale_reads=2,
    stale=(StaleRead(NASTY, b"<b>", b"\xfe", 3, 0.25),),
    dirty_reads=5,
)


def reported(verdict: Verdict = SOUND, title: str = "workload article, seed 7") -> RunReport:
    ticks = tuple(
        Tick(BEGAN + 0.5 * n, hits=90, misses=10, writes=20, depth=n, lag_seconds=n / 100)
        for n in range(1, 41)
    )
    marks = (
        Mark("redis.down", BEGAN + 2, BEGAN + 5),
        Mark("worker.crash", BEGAN + 3, BEGAN + 3),
        Mark("<b>&", BEGAN + 12),
    )
    latencies = Latencies(hit=Percentiles(900, 0.0001, 0.001, 0.002))
    evidence = Evidence(
        Settings(),
        True,
        RedisState(keys=17),
        DatabaseState(),
        latencies,
        rows=100,
        batches=4,
        through=10,
        behind=400,
        loads=9,
        timeline=Timeline(BEGAN, 0.5, ticks, marks),
        events=(Event(BEGAN + 3, EventKind.ERROR, "the worker crashed <at> &"),),
    )
    return RunReport(
        title,
        Tally(gets=4000, hits=3600, database=400, sets=800, incrs=434, depth_max=40),
        verdict,
        Percentiles(400, 0.1, 0.2, 0.3),
        seconds=19.0,
        drain_seconds=1.0,
        faults=(InjectedFault("redis.down", "2s", True, 2.0, 100, "Redis is held <down>"),),
        evidence=evidence,
    )


def parsed(page: str) -> ElementTree.Element:
    assert page.startswith("<!DOCTYPE html>\n")
    return ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))


def text_of(page: str) -> str:
    return " ".join("".join(parsed(page).find("body").itertext()).split())  # type: ignore[union-attr]


def told(*claims: ClaimResult) -> StoryReport:
    act = Act(name="one", title="<one>", step=[Step(say="say <this>", incr=Keys(keys="views:a"))])
    story = Story(
        name="the-gap", title="The gap & what it costs", act=[act], claim=[Claim("x", "lost > 0")]
    )
    played = PlayedAct(act, {"lost": 2.0}, BROKEN, Timeline(BEGAN, 0.5))
    return StoryReport(story, claims, (played,), "", 1.5)


PAPERS = {
    "sound": run_document(reported(), ORIGIN),
    "broken": run_document(reported(BROKEN, "trace <script>.csv"), ORIGIN),
    "short": run_document(replace(reported(), evidence=None), ORIGIN),
    "torture": torture_document(
        TortureReport(3, "failpoints", kills=9, broken=["<i>lost</i> 4"], kept="/tmp/<x>"), ORIGIN
    ),
    "story": story_document(
        [told(ClaimResult("writes are <lost>", "lost > 0", False, "lost = 0"))], ORIGIN
    ),
}


@pytest.mark.parametrize("name", PAPERS)
def test_a_page_is_well_formed_and_needs_nothing_else(name: str) -> None:
    page = as_html(PAPERS[name])
    root = parsed(page)
    tags = {element.tag for element in root.iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "use", "image"}
    for element in root.iter():
        for attribute in element.attrib:
            assert attribute.lower() not in ("src", "href", "style")
            assert not attribute.lower().startswith("on")
    assert "http" not in page
    assert "@import" not in page
    outside = re.findall(r"url\((?!#)", page)
    assert not outside


@pytest.mark.parametrize("name", PAPERS)
def test_ids_are_unique_and_every_picture_is_told_in_words(name: str) -> None:
    root = parsed(as_html(PAPERS[name]))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for picture in root.iter("svg"):
        named = [child for child in picture if child.tag in ("title", "desc")]
        assert [child.get("id") for child in named] == (
            picture.get("aria-labelledby") or ""
        ).split()
        assert all(child.text for child in named)


def test_a_run_has_its_four_charts_with_the_faults_in_words() -> None:
    root = parsed(as_html(PAPERS["sound"]))
    # Each is drawn twice: for a wide page and for a phone.
    assert len(list(root.iter("svg"))) == 8
    said = next(root.iter("desc")).text or ""
    assert "1 redis.down from 2.00 s to 5.00 s" in said
    assert "2 worker.crash at 3.00 s" in said
    assert "3 <b>& from 12.0 s to the end" in said


@pytest.mark.parametrize("form", [as_html, as_markdown])
def test_what_broke_is_said_first(form: object) -> None:
    said = form(PAPERS["broken"])  # type: ignore[operator]
    said = text_of(said) if form is as_html else said
    verdict, books = said.index("Broken"), said.index("accepted")
    assert verdict < books
    assert said.index("LOST: ids 41, 42") < books
    assert json.loads(as_json(PAPERS["broken"]))["verdict"]["tone"] == "broken"


@pytest.mark.parametrize("raw", [NASTY, NOT_UTF8, NOT_ASCII])
def test_keys_of_any_bytes_are_shown_and_harm_nothing(raw: bytes) -> None:
    page = as_html(PAPERS["broken"])
    assert "<script" not in page
    assert shown(raw) in text_of(page)
    json.loads(as_json(PAPERS["broken"]))
    assert "\x00" not in as_markdown(PAPERS["broken"])


def test_what_would_turn_or_hide_text_is_escaped() -> None:
    assert visible("a\u202eb\x1b[2J\udcff") == "a\\u202eb\\x1b[2J\\xff"


def test_all_forms_tell_the_same_books() -> None:
    for document in (PAPERS["sound"], PAPERS["broken"]):
        run = json.loads(as_json(document))["run"]
        ledger = run["ledger"]
        for form in (as_markdown(document), text_of(as_html(document))):
            for name in ("accepted", "applied", "pending", "dead", "lost", "duplicated"):
                assert re.search(rf"\b{ledger[name]:,}(\*\*)? {name}", form), name
        lines = as_markdown(document)
        for name, count in (
            ("reads", run["ops"]["get"]),
            ("hits", run["reads"]["hits"]),
            ("stale reads", run["reads"]["stale"]),
            ("queue depth at most", run["log"]["depth_max"]),
        ):
            assert f"| {name} | {count:,} |" in lines
        for seq in run["ids"]["lost"]:
            assert f"| {seq} |" in lines
            assert str(seq) in text_of(as_html(document))


def test_the_origin_is_in_every_form() -> None:
    for form in (as_markdown, as_json, as_html):
        said = form(PAPERS["sound"])
        for what in ("cachedesk run --seed 7", "Redis", "6.2"):
            assert what in said


def test_the_command_is_the_same_run_without_the_files_that_it_made() -> None:
    arguments = ["run", "--report", "a b.html", "--ops", "5", "--record=x.rec"]
    assert repeated(arguments, 3, {}) == "cachedesk run --ops 5 --seed 3"
    assert repeated(["run", "--seed=4"], 4, {}) == "cachedesk run --seed=4"
    armed = {"CACHEDESK_FAILPOINTS": "log.append.after_commit=kill"}
    assert repeated(["torture"], None, armed).startswith("CACHEDESK_FAILPOINTS=log.")


def test_the_versions_are_those_of_the_real_engines() -> None:
    found = origin(["run"], 1)
    assert set(found.versions) == {"cachedesk", "Python", "Redis", "SQLite", "platform"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", found.versions["Redis"])
    assert abs(found.made_at - time.time()) < 60


def test_an_unknown_ending_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"ends in \.html, \.md, \.json; did you mean r\.html"):
        check_report(tmp_path / "r.htm")
    with pytest.raises(ReportError, match="ends in"):
        check_report(tmp_path / "r")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    there = tmp_path / "r.md"
    there.write_text("mine")
    for act in (lambda: check_report(there), lambda: write_report(there, PAPERS["sound"])):
        with pytest.raises(ReportError, match="already exists"):
            act()
    assert there.read_text() == "mine"
    with pytest.raises(ReportError, match="does not exist"):
        check_report(tmp_path / "no" / "r.md")
    folder = tmp_path / "f.html"
    folder.mkdir()
    with pytest.raises(ReportError, match="not a regular file"):
        check_report(folder)


def test_a_report_is_written_in_the_form_of_its_ending(tmp_path: Path) -> None:
    for ending, begins in ((".html", "<!DOCTYPE html>"), (".md", "# "), (".JSON", "{")):
        path = tmp_path / f"r{ending}"
        write_report(path, PAPERS["broken"])
        assert path.read_text(encoding="utf-8").startswith(begins)


def test_a_story_names_the_claim_that_does_not_hold() -> None:
    document: Document = PAPERS["story"]
    assert document.finding.word == "1 of 1 claims do not hold"
    assert "lost = 0" in document.finding.sentences[0]
    held = told(ClaimResult("x", "y", True, "y = 1"))
    assert story_document([held], ORIGIN).finding.word == "The claim holds"
    both = story_document([held, held], ORIGIN)
    assert both.finding.word == "All 2 claims of 2 stories hold"
    assert len(json.loads(as_json(both))["stories"]) == 2
    left = told(ClaimResult("x", "y"))
    assert story_document([left], ORIGIN).finding.word == "Not decided"


def test_a_real_story_is_told_with_its_books(tmp_path: Path) -> None:
    account = play(story("the-gap"), tmp_path)
    page = as_html(story_document([account], ORIGIN))
    said = text_of(page)
    assert account.holds
    for claim in account.claims:
        assert claim.says in said
    lost = account.acts[0].verdict.lost
    assert lost
    assert str(lost[0]) in said


def test_ids_that_follow_each_other_are_told_as_one() -> None:
    assert ids([7]) == "id 7"
    assert ids([203, 3, 1, 2]) == "ids 1 to 3, 203"
    assert ids(range(0, 1000, 2)).endswith("398 and 300 more ranges")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.00013, "130 µs"),
        (0.0042, "4.20 ms"),
        (0.9996, "1.00 s"),
        (59.9, "59.9 s"),
        (600, "10 min 00 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_a_span_has_the_unit_that_suits_it(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_the_sections_of_a_run_are_named_in_plain_words() -> None:
    titles = [section.title for section in PAPERS["sound"].sections]
    assert {"Timeline", "Reads and writes"} <= set(titles)
    assert not [title for title in titles if "_" in title]

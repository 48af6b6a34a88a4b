"""Story files: every error is reported with its line and its field."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.errors import ConfigError
from cachedesk.lab.stories import expressions
from cachedesk.lab.stories.key_ranges import named
from cachedesk.lab.stories.reading import StoryError, parse, read
from cachedesk.lab.stories.story_figures import written

GOOD = """title = "A story"
rests_on = ["log"]

[[act]]
name = "one"
safeguards = { log = false }
settings = { redis = { maxmemory_bytes = "8mb" } }

[[act.step]]
say = "Something is written."
set = { keys = "session:{1..3}", value = "{n}" }

[[act.step]]
wait = "pending == 0"

[[claim]]
says = "Nothing is lost"
that = "lost == 0 and one.accepted == 3"
"""


def test_a_good_file_is_read() -> None:
    story = parse(GOOD, "mine.toml", "mine")
    assert (story.name, story.title, len(story.act)) == ("mine", "A story", 1)
    assert story.act[0].safeguards.off == ("log",)
    assert story.flipped("log").act[0].safeguards.off == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("[[act]]", "[[act]", 4, "not valid TOML"),
        ("say =", "tell =", 10, "act[1].step[1].tell: there is no such field"),
        ("set =", "sett =", 11, "act[1].step[1].sett: there is no such field; did you mean 'set'?"),
        ('value = "{n}"', 'valu = "{n}"', 11, "did you mean 'value'?"),
        ('"pending == 0"', '"pendin == 0"', 14, "step[2].wait: there is no figure 'pendin'"),
        ('"pending == 0"', '"lost == 0"', 14, "there is no figure 'lost'"),
        ('"pending == 0"', '"__import__(1)"', 14, "is not allowed in a condition"),
        ('"pending == 0"', '"pending =="', 14, "cannot read 'pending =='"),
        ('"lost == 0 and', '"losst == 0 and', 18, "claim[1].that: there is no figure 'losst'"),
        ("one.accepted", "two.accepted", 18, "there is no figure 'two.accepted'"),
        ("log = false", "lok = false", 6, "safeguards.lok: there is no such field"),
        ("log = false", 'log = "no"', 6, "act[1].safeguards.log: expected bool"),
        ('["log"]', '["logs"]', 2, "rests_on[1]: there is no safeguard 'logs'"),
        ("maxmemory_bytes", "maxmemory", 7, "act[1].settings: redis.maxmemory: there is no such"),
        ('"8mb"', '"8 megs"', 7, "is not a size"),
        ("{1..3}", "{3..1}", 11, "step[1].set: the range"),
        ("{1..3}", "{1-3}", 11, "write a range like {1..50}"),
        ('name = "one"', 'name = "with"', 5, "is reserved in conditions"),
        ('name = "one"', 'name = "One"', 5, "act[1].name:"),
        ('wait = "pending == 0"', 'inject = "redis.kil"', 14, "did you mean 'redis.kill'?"),
        ('wait = "pending == 0"', "drain = true\nheal = 'all'", 13, "one step does one thing"),
        ('wait = "pending == 0"', "within = 5", 13, "the step is empty"),
        ('wait = "pending == 0"', "load = { ops = 5, workload = 'articel' }", 14, "'article'"),
        ('wait = "pending == 0"', "set = { keys = 'a', callers = 4 }", 14, "only reads"),
        ('wait = "pending == 0"', "note = { lost = 'hits' }", 14, "cannot name a figure"),
        ('title = "A story"', "", 1, "required field title"),
        ('"pending == 0"', f'"pending == {"9" * 4000}"', 14, "at most 500 characters"),
        ('"pending == 0"', f'"pending == {"9" * 400}"', 14, "at most 1,000,000,000,000,000"),
        ('"pending == 0"', '"pending == 1e999"', 14, "at most 1,000,000,000,000,000"),
        ('"pending == 0"', f'"pending == {"+1" * 9000}"', 14, "at most 500 characters"),
        ('wait = "pending == 0"', f"note = {{ x = '{'9' * 400}' }}", 14, "at most 1,000,000"),
        ('wait = "pending == 0"', "incr = { keys = 'a', by = 9223372036854775808 }", 14, "by"),
        ('wait = "pending == 0"', "get = { keys = 'a{1..9999}', times = 9999 }", 14, "one step"),
        (
            'wait = "pending == 0"',
            'inject = "process.kill"',
            14,
            "would end the process that plays",
        ),
        (
            'wait = "pending == 0"',
            "load = { ops = 5, faults = ['redis.kill@1ops', 'process.kill@2ops'] }",
            14,
            "would end the process that plays",
        ),
    ],
)
def test_a_bad_file_names_the_line_and_the_field(old: str, new: str, line: int, says: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(StoryError) as caught:
        parse(GOOD.replace(old, new), "mine.toml", "mine")
    said = str(caught.value)
    assert says in said
    assert "\n" not in said
    if "not valid TOML" not in said:
        assert said.startswith(f"mine.toml line {line}: ")


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-50, 50))
def test_sums_come_to_what_python_says(a: int, b: int, c: int) -> None:
    figures = {"a": a, "x.b": b, "c": c}
    assert expressions.value("a + x.b * c - 2", figures) == a + b * c - 2
    assert expressions.value("a < x.b <= c or not c == 3 and a != -1", figures) == (
        a < b <= c or (c != 3 and a != -1)
    )
    if c:
        assert expressions.value("(a - x.b) / c > 1.5", figures) == ((a - b) / c > 1.5)
    assert math.isnan(expressions.value("a / 0", figures))
    assert expressions.names("a + x.b > a") == ("a", "x.b")


@pytest.mark.parametrize("text", ["a()", "a[0]", "'a'", "a if b else c", "lambda: 1", "a.b.c", ""])
def test_nothing_else_can_be_computed(text: str) -> None:
    with pytest.raises(ConfigError):
        expressions.check(text, ["a", "b", "c"])


def test_products_grow_to_infinity_and_no_further() -> None:
    text = " * ".join(["999999999999999"] * 25)
    assert expressions.value(text, {}) == math.inf
    assert written(float(expressions.value(text, {}))) == "inf"


@pytest.mark.parametrize("target", ["/dev/zero", "pipe", "."])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, target: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "story.toml").symlink_to(target)
    with pytest.raises(StoryError, match="not a regular file"):
        read(tmp_path / "story.toml")


def test_ranges_of_keys() -> None:
    assert named("a\0{1..2}") == [b"a\x001", b"a\x002"]
    assert named("a") == [b"a"]
    assert named("v:{9..11}:x") == [b"v:9:x", b"v:10:x", b"v:11:x"]

"""The configuration file: every wrong setting is named with its place, and what is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cachedesk.config import checked, load, parse, with_policies
from cachedesk.core.errors import ConfigError
from cachedesk.core.policy import Policy
from cachedesk.core.settings import DEFAULT_POLICIES, Settings

BAD = {
    "section": ("[rediss]\nx = 1", "rediss: there is no such setting; did you mean 'redis'?"),
    "field": (
        "[redis]\nmaxmemory = 1",
        "redis.maxmemory: there is no such setting; did you mean 'maxmemory_bytes'?",
    ),
    "field nobody means": ("[redis]\nzzz = 1", "there are maxmemory_bytes"),
    "size": ('[redis]\nmaxmemory_bytes = "64 potatoes"', "redis.maxmemory_bytes: '64 potatoes'"),
    "size too small": (
        '[redis]\nmaxmemory_bytes = "1kb"',
        "maxmemory_bytes: expected int >=",
    ),
    "NaN": ("[redis]\ntimeout_seconds = nan", "redis.timeout_seconds: expected float"),
    "infinite": ("[redis]\ntimeout_seconds = inf", "redis.timeout_seconds: expected float <="),
    "negative": ("[worker]\nbatch_events = -1", "worker.batch_events: expected int >= 1, not -1"),
    "text": ('[worker]\nbatch_events = "x"', "worker.batch_events: expected int, not 'x'"),
    "bool": ("[worker]\nbatch_events = true", "worker.batch_events: expected int, not True"),
    "fraction": ("[worker]\nbatch_events = 1.5", "worker.batch_events: expected int, not 1.5"),
    "no table": ("redis = 3", "redis: expected a table, not 3"),
    "choice": ('[log]\nwhen_full = "wait"', "log.when_full: expected one of block, reject"),
    "policy": ('[policies]\n"a*" = "write-back"', "did you mean 'write-behind'?"),
    "policy no text": ("[policies]\na = 1", "policies.'a': unknown policy 1"),
    "policies no table": ("policies = 1", "policies: expected a table"),
    "empty pattern": ('[policies]\n"" = "write-behind"', "policies: an empty key pattern"),
    "contradiction": (
        "[worker]\nretry_seconds = 5",
        "worker.retry_seconds: 5 is above worker.retry_max_seconds, 2",
    ),
    "no TOML": ("[redis", "not valid TOML"),
}


@pytest.mark.parametrize(("text", "says"), BAD.values(), ids=BAD)
def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "cachedesk.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(f"{file}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [('"64mb"', 64 << 20), ('"2 GB"', 2 << 30), ('"4096KB"', 4 << 20), ("67108864", 64 << 20)],
)
def test_a_size_may_be_text(text: str, size: int) -> None:
    assert parse(f"[redis]\nmaxmemory_bytes = {text}").redis.maxmemory_bytes == size


def test_what_is_left_out_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path) == parse("") == Settings()
    assert parse("[worker]\nbatch_events = 5").worker.retry_seconds == 0.05


def test_a_named_file_is_read_instead_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "cachedesk.toml").write_text("this is wrong")
    other = tmp_path / "other.toml"
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path, other)
    other.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not valid UTF-8"):
        load(tmp_path, other)
    other.write_text("[worker]\nbatch_events = 5")
    assert load(tmp_path, other).worker.batch_events == 5


def test_overriding_policies_come_first_and_keep_the_others() -> None:
    settings = with_policies(Settings(), ["views:1*=write-through", "order:*=write-behind"])
    assert list(settings.policies.items())[:2] == [
        ("views:1*", "write-through"),
        ("order:*", "write-behind"),
    ]
    assert set(settings.policies) == {*DEFAULT_POLICIES, "views:1*"}
    assert with_policies(Settings(), ["a=b=write-behind"]).policies["a=b"] == "write-behind"


def test_a_policy_in_a_file_can_give_an_expiry() -> None:
    settings = parse(
        '[policies]\n"session:*" = { path = "write-behind", ttl = "30m", sliding = true }\n'
        '"cart:*" = { path = "write-through", ttl = 90, jitter = 0.2 }'
    )
    assert settings.policies == {
        "session:*": Policy("write-behind", ttl="30m", sliding=True),
        "cart:*": Policy("write-through", ttl=90, jitter=0.2),
    }
    assert checked(settings) == settings


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('{ ttl = "30m" }', "policies.'a': Object missing required field path"),
        ('{ path = "behind" }', "policies.'a': unknown path 'behind'"),
        ('{ path = "write-behind", ttl = "soon" }', "policies.'a': a ttl is seconds above 0"),
        ('{ path = "write-behind", ttl = true }', "policies.'a': ttl: Expected"),
        ('{ path = "write-behind", jitter = 1.5, ttl = 1 }', "policies.'a': jitter: expected"),
        ('{ path = "write-behind", sliding = true }', "policies.'a': sliding and jitter need"),
        ('{ path = "write-behind", tll = 1 }', "policies.'a': tll: there is no such field"),
    ],
)
def test_an_invalid_policy_in_a_file_is_named_with_its_pattern(table: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse(f'[policies]\n"ok:*" = "write-behind"\na = {table}')


def test_a_policy_with_an_expiry_on_the_command_line() -> None:
    settings = with_policies(
        Settings(), ["session:*=write-behind,ttl=30m,sliding", "b=write-behind"]
    )
    assert settings.policies["session:*"] == Policy("write-behind", ttl="30m", sliding=True)
    assert settings.policies["b"] == "write-behind"
    with pytest.raises(ConfigError, match="cannot read 'slide'"):
        with_policies(Settings(), ["session:*=write-behind,slide"])

"""URLs of servers: what is taken, what is refused, and that no password is repeated."""

from __future__ import annotations

import pytest

from cachedesk.core.errors import ConfigError
from cachedesk.stores.watched_redis.address import parsed


@pytest.mark.parametrize(
    ("url", "shown", "user", "database"),
    [
        ("redis://localhost", "redis://localhost:6379", "default", 0),
        ("redis://h:1/2", "redis://h:1/2", "default", 2),
        ("redis://ann:s3cret@h:1/2", "redis://h:1/2", "ann", 2),
        ("valkey://:s3cret@h", "valkey://h:6379", "default", 0),
        ("rediss://h?ssl_ca_certs=/x/ca.pem", "rediss://h:6379", "default", 0),
        ("valkeys://h", "valkeys://h:6379", "default", 0),
        ("redis://[::1]:7", "redis://[::1]:7", "default", 0),
        ("unix:///run/redis.sock?db=3", "unix:///run/redis.sock/3", "default", 3),
        ("unix://ann:s3cret@/run/redis.sock", "unix:///run/redis.sock", "ann", 0),
    ],
)
def test_a_url_is_shown_without_its_password(
    url: str, shown: str, user: str, database: int
) -> None:
    found = parsed(url)
    assert (found.shown, found.user, found.database) == (shown, user, database)
    assert found.arguments["socket_timeout"] == 2.0
    assert found.encrypted == url.startswith(("rediss", "valkeys"))
    assert found.is_socket_file == url.startswith("unix")


@pytest.mark.parametrize(
    "url", ["redis://:p@h:s3cret/x@h", "redis://:12/x@h", "redis://:12?x@h", "unix://a:p/x@/s"]
)
def test_a_password_that_cuts_the_url_is_told_how_to_be_written(url: str) -> None:
    with pytest.raises(ConfigError, match="write / as %2F"):
        parsed(url)


def test_a_password_may_have_any_character_as_an_escape() -> None:
    found = parsed("redis://ann:p%40%2F%3F%23%3As@h:1/2")
    assert found.arguments["password"] == "p@/?#:s"
    assert found.shown == "redis://h:1/2"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://h",
        "unix://",
        "redis://:s3cret@h:port",
        "redis://:s3cret@h/zero",
        "redis://:s3cret@h?db=zero",
        "redis://:s3cret@h?retries=5",
        "redis://:s3cret@[h",
        "redis://ann:s3cret",
        "redis://:p@h:s3cret/x@h",
        "redis://:12/s3cret@h",
        "redis://:12?s3cret@h",
        "redis://:12#s3cret@h",
        "unix://ann:p/s3cret@/run/redis.sock",
        "redis://h?ssl_ca_certs=/x/ca.pem",
        "rediss://h?ssl_cert_reqs=maybe",
    ],
)
def test_a_wrong_url_is_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(url)
    said = str(refused.value)
    assert said.startswith("the ")
    assert "s3cret" not in said
    assert "\n" not in said

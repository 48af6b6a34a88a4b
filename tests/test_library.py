"""The library, as the example of the README shows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import cachedesk


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("in_an_empty_folder")
def test_the_example() -> None:
    with cachedesk.open(
        "data", policies={"order:*": "write-through", "views:*": "write-behind"}
    ) as cache:
        receipt = cache.set("order:17", b"paid")
        assert receipt == cachedesk.Receipt(receipt.seq, level="applied", value=b"paid")
        cache.set("views:article:123", 10_482)
        assert cache.incr("views:article:123") == 10_483
        assert cache.get("views:article:123") == b"10483"
        read = cache.read("views:article:123")
        assert (read.value, read.source) == (b"10483", "redis")
        assert hasattr(read, "pending")
        assert hasattr(read, "seq")
        assert cache.get_many(["a", "b"]) == [None, None]
        receipts = cache.write_many([("incr", "views:article:1", 1), ("set", "session:9", b"x")])
        assert [it.level for it in receipts] == ["durable", "applied"]
        cache.delete("session:9")
        cache.evict("views:*")
        assert list(cache.items()) == [
            (b"order:17", b"paid"),
            (b"views:article:1", b"1"),
            (b"views:article:123", b"10483"),
        ]
        cache.drain(timeout=60)
        assert cache.snapshot().books.balanced
    with cachedesk.open("data") as cache:
        assert cache.get("views:article:123") == b"10483"


def test_a_second_one_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with cachedesk.open(tmp_path), pytest.raises(cachedesk.InUse, match=str(os.getpid())):
        cachedesk.open(tmp_path)
    with cachedesk.open(tmp_path):
        pass


def test_a_wrong_policy_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(cachedesk.ConfigError, match="write-behind"):
        cachedesk.open(tmp_path / "data", policies={"views:*": "write-back"})
    assert not (tmp_path / "data").exists()


def test_settings_and_policies_go_together(tmp_path: Path) -> None:
    settings = cachedesk.Settings(policies={"a*": "write-behind"})
    with cachedesk.open(tmp_path / "1", settings=settings) as cache:
        assert cache.set("a", b"x").level == "durable"
    with cachedesk.open(tmp_path / "2", settings=settings, policies={}) as cache:
        assert cache.set("a", b"x").level == "applied"


def test_the_file_in_the_directory_holds_and_arguments_win(tmp_path: Path) -> None:
    (tmp_path / "cachedesk.toml").write_text(
        '[policies]\n"views:*" = "write-through"\n[redis]\n'
        'maxmemory_bytes = "16mb"\neviction_policy = "allkeys-lfu"\n[desk]\ntheme = "paper"'
    )
    with cachedesk.open(tmp_path) as cache:
        assert cache.set("views:1", b"x").level == "applied"
        redis = cache.snapshot().redis
        assert (redis.maxmemory_bytes, redis.eviction_policy) == (16 * 2**20, "allkeys-lfu")
    with cachedesk.open(tmp_path, policies={"views:*": "write-behind"}) as cache:
        assert cache.set("views:1", b"x").level == "durable"
        assert cache.snapshot().redis.eviction_policy == "allkeys-lfu"
    settings = cachedesk.Settings(redis=cachedesk.RedisSettings(maxmemory_bytes="8 MB"))  # type: ignore[arg-type]
    with cachedesk.open(tmp_path, settings=settings) as cache:
        assert cache.set("views:1", b"x").level == "durable"
        redis = cache.snapshot().redis
        assert (redis.maxmemory_bytes, redis.eviction_policy) == (8 * 2**20, "allkeys-lru")


def test_a_wrong_file_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "cachedesk.toml").write_text("[redis]\nmaxmemory = 5")
    with pytest.raises(cachedesk.ConfigError, match=r"cachedesk\.toml: redis\.maxmemory: there is"):
        cachedesk.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cachedesk.toml"]


def test_a_size_that_is_none_is_refused(tmp_path: Path) -> None:
    settings = cachedesk.Settings(log=cachedesk.LogSettings(limit_bytes="much"))  # type: ignore[arg-type]
    with pytest.raises(cachedesk.ConfigError, match=r"log\.limit_bytes: 'much' is not a size"):
        cachedesk.open(tmp_path / "data", settings=settings)


def test_a_star_leaves_the_builtin_open_alone_and_dir_lists_all() -> None:
    names: dict[str, object] = {}
    exec("from cachedesk import *", names)
    assert "open" not in names
    assert {"Settings", "RedisSettings", "Snapshot", "LogFull"} <= names.keys()
    assert {*cachedesk.__all__, "open", "__version__"} <= set(dir(cachedesk))


def test_a_cache_says_where_it_is_and_whether_it_is_open(tmp_path: Path) -> None:
    with cachedesk.open(tmp_path) as cache:
        assert repr(cache) == f"<CacheLayer {str(tmp_path)!r}, open>"
        cache.write_many([("set", key, b"1") for key in ("a", "b", "c")])
        items = cache.items()
        assert next(items) == (b"a", b"1")
    assert repr(cache) == f"<CacheLayer {str(tmp_path)!r}, closed>"
    with pytest.raises(cachedesk.Closed):
        next(items)
    with pytest.raises(cachedesk.Closed), cache:
        pytest.fail("a closed cache was let in")


def test_errors_are_of_one_family() -> None:
    names = ("Unavailable", "LogFull", "Closed", "InvalidKey", "NotACounter", "Damaged", "InUse")
    for name in names:
        assert issubclass(getattr(cachedesk, name), cachedesk.CachedeskError)
    assert issubclass(cachedesk.InvalidKey, ValueError)
    assert issubclass(cachedesk.CounterOverflow, OverflowError)
    assert issubclass(cachedesk.InUse, cachedesk.DataDirectoryError)


def test_closed_by_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), cachedesk.open(tmp_path) as cache:
        _ = 1 / 0
    with pytest.raises(cachedesk.Closed):
        cache.get("key")

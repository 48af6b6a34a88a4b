"""A write that the database refuses becomes a dead letter: find it, mend the cause, replay it.

python inspect_and_drain.py
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import cachedesk

# A rule of your own in the database: drafts are not liked.
RULE = """
CREATE TRIGGER no_drafts BEFORE INSERT ON rows WHEN CAST(NEW.key AS TEXT) LIKE 'likes:draft:%'
BEGIN SELECT RAISE(ABORT, 'a draft cannot be liked'); END
"""


def tell_database(statement: str) -> None:
    with closing(sqlite3.connect("data/cachedesk.db", timeout=60)) as database:
        database.execute(statement)
        database.commit()


def main() -> None:
    with cachedesk.open("data", policies={"likes:*": "write-behind"}) as cache:
        tell_database(RULE)
        cache.incr("likes:article:1", 3)
        cache.incr("likes:draft:7")
        # Until nothing is pending: the one is applied, the other is put aside.
        cache.drain(timeout=60)
        for letter in cache.dead_letters():
            print(f"dead: {letter.op} {letter.key.decode()}: {letter.reason}")
        tell_database("DROP TRIGGER no_drafts")
        for letter in cache.dead_letters():
            print(f"replayed: {cache.replay_dead(letter.seq).level}")
        for key, value in cache.items():
            print(f"{key.decode()} = {value.decode()}")
        books = cache.snapshot().books
        print(f"{books.pending} pending, {books.dead} dead, balanced: {books.balanced}")


if __name__ == "__main__":
    main()

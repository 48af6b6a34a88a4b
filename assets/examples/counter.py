"""Page views are counted behind the log, a balance is written through. Run it twice.

python counter.py
"""

from __future__ import annotations

import cachedesk

POLICIES = {"views:*": "write-behind", "balance:*": "write-through"}


def main() -> None:
    with cachedesk.open("data", policies=POLICIES) as cache:
        for page in ("home", "prices", "home"):
            # Returns once it is durable in the log; a worker brings it to the database.
            cache.incr(f"views:{page}")
        # Returns once it is committed in the database.
        receipt = cache.set("balance:ann", 100)
        print(f"balance of ann: {receipt.value!r}, {receipt.level}")
        print(f"after a payment: {cache.incr('balance:ann', -30)}")
        try:
            cache.incr("balance:ann", 2**63 - 1)
        except cachedesk.CounterOverflow as error:
            print(f"refused: {error}")
    # What was still in the log when it was closed is there all the same.
    with cachedesk.open("data", policies=POLICIES) as cache:
        home, prices = cache.get_many(["views:home", "views:prices"])
        print(f"views of home: {home!r}, of prices: {prices!r}")


if __name__ == "__main__":
    main()

"""Import a CSV file of prices (sku,price) in batches: one commit for each, not one for each line.

python batch_import.py prices.csv
"""

from __future__ import annotations

import csv
import sys
from itertools import islice

import cachedesk

ROWS_PER_BATCH = 1_000


def main(path: str) -> None:
    with (
        open(path, newline="", encoding="utf-8") as file,
        cachedesk.open("data", policies={"price:*": "write-through"}) as cache,
    ):
        rows = csv.DictReader(file)
        prices = batches = 0
        while batch := list(islice(rows, ROWS_PER_BATCH)):
            # All or none of them, because they take the same path.
            cache.write_many([("set", f"price:{row['sku']}", row["price"]) for row in batch])
            prices += len(batch)
            batches += 1
        print(f"{prices:,} prices in {batches} batches")


if __name__ == "__main__":
    main(sys.argv[1])

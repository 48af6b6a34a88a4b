"""A trace that begins again from its end, as the traffic of two stacks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from cachedesk.lab.trace import check
from cachedesk.lab.versus.repeated_trace import RepeatedTrace


def _traffic(path: Path) -> RepeatedTrace:
    path.write_text("op,key,value\n" + "".join(f"set,k:{it},v\n" for it in range(5)))
    return RepeatedTrace(check(path))


def test_from_its_end_it_begins_again(tmp_path: Path) -> None:
    traffic = _traffic(tmp_path / "five.csv")
    keys = [operation.key for operation in islice(traffic.operations(), 12)]
    assert keys == [b"k:%d" % (it % 5) for it in range(12)]
    assert traffic.title == "trace five.csv, repeated"
    assert not list(traffic.contents())


def test_a_file_that_is_gone_ends_it(tmp_path: Path) -> None:
    traffic = _traffic(tmp_path / "five.csv")
    operations = traffic.operations()
    assert len(list(islice(operations, 5))) == 5
    (tmp_path / "five.csv").unlink()
    assert not list(operations)

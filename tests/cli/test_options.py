"""What the options offer is what there is; they name it themselves, to be quick."""

from __future__ import annotations

from cachedesk.cli.main import cli
from cachedesk.cli.options import TRACE_FORMATS
from cachedesk.core.safeguards import NAMES as SAFEGUARDS
from cachedesk.lab.load.workload import WORKLOADS
from cachedesk.lab.trace.formats import NAMES as FORMATS


def test_the_options_name_all_there_is() -> None:
    assert set(TRACE_FORMATS) == set(FORMATS)
    run = {option.name: option for option in cli.commands["run"].params}
    assert list(run["without"].type.choices) == list(SAFEGUARDS)  # type: ignore[attr-defined]
    text = str(run["workload"].help)  # type: ignore[attr-defined]
    named = text.replace("ycsb-a to ycsb-f", "ycsb-a ycsb-b ycsb-c ycsb-d ycsb-e ycsb-f")
    assert all(name in named for name in WORKLOADS)

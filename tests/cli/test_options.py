"""Options, help and README name exactly what there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from click.testing import CliRunner

from cachedesk.cli.main import cli
from cachedesk.cli.options import DeskOptions, StackOptions
from cachedesk.cli.traffic import TRACE_FORMATS, TrafficOptions
from cachedesk.core.safeguards import NAMES as SAFEGUARDS
from cachedesk.lab.load.workload import WORKLOADS
from cachedesk.lab.trace.formats import NAMES as FORMATS
from cachedesk.stack.fault_catalog import NAMES as FAULTS

_README = Path(__file__).parents[2] / "README.md"


def test_the_options_name_all_there_is() -> None:
    assert set(TRACE_FORMATS) == set(FORMATS)
    run = {option.name: option for option in cli.commands["run"].params}
    assert list(run["without"].type.choices) == list(SAFEGUARDS)  # type: ignore[attr-defined]
    text = str(run["workload"].help)  # type: ignore[attr-defined]
    named = text.replace("ycsb-a to ycsb-f", "ycsb-a ycsb-b ycsb-c ycsb-d ycsb-e ycsb-f")
    assert all(name in named for name in WORKLOADS)


def test_a_group_of_options_has_each_field_once() -> None:
    for command, groups in {
        "run": (TrafficOptions, StackOptions),
        "compare": (TrafficOptions,),
        "serve": (DeskOptions, StackOptions),
    }.items():
        names = [option.name for option in cli.commands[command].params]
        assert len(names) == len(set(names))
        assert {field.name for group in groups for field in fields(group)} <= set(names)


def test_the_help_of_run_lists_exactly_the_faults() -> None:
    text = " ".join(CliRunner().invoke(cli, ["run", "--help"]).output.split())
    listed = text.partition("Faults: ")[2].partition(". ")[0]
    assert listed.split(", ") == list(FAULTS)


def test_the_readme_lists_exactly_the_faults() -> None:
    """It writes ``redis.kill`` `.down`: what begins with a point has the word before it."""
    text = _README.read_text()
    paragraph = text[text.index("Faults to try:") :].partition("\n\n")[0]
    listed, kind = set(), ""
    for first, second in re.findall(r"`([a-z]*)\.([a-z_]+)`", paragraph):
        kind = first or kind
        listed.add(f"{kind}.{second}")
    assert listed == set(FAULTS)

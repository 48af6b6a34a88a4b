"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cachedesk.core.settings import Settings
    from cachedesk.desk.appearance import Appearance

WORKLOAD_CLIENTS = 4


class PositiveFloat(click.ParamType[float]):
    """A finite number above zero; click's own ranges let NaN and infinity through."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            number = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a number.", param, ctx)
        if not (math.isfinite(number) and number > 0):
            self.fail(f"{value} is not a finite number above 0.", param, ctx)
        return number


class NonEmptyPath(click.Path):
    """A path that must not be empty: for pathlib, "" (an unset variable, say) is the current
    directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("must not be empty.", param, ctx)
        return super().convert(value, param, ctx)


class ReportFile(NonEmptyPath):
    """A new file for a report, in the format of its suffix; checked before anything runs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from cachedesk.reports.file import ReportError, check_report

        path = Path(super().convert(value, param, ctx))
        try:
            check_report(path)
        except ReportError as error:
            self.fail(f"{error}.", param, ctx)
        return path


class NewFile(NonEmptyPath):
    """A new file that the command writes; checked before anything runs.

    Args:
        verb: what the user asks for, for the message, like "write the film".
    """

    def __init__(self, verb: str) -> None:
        super().__init__(path_type=Path)
        self._verb = verb

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from cachedesk.console.new_file import why_not_here

        path = Path(super().convert(value, param, ctx))
        if complaint := why_not_here(path, self._verb):
            self.fail(f"{complaint}.", param, ctx)
        return path


class TerminalSize(click.ParamType[tuple[int, int]]):
    """Columns and rows of a terminal: ``120x40``."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        match = re.fullmatch(r"(\d{1,3})x(\d{1,3})", str(value), re.ASCII)
        if match is None:
            self.fail(f"{value!r} is not a size; write columns x rows: 120x40.", param, ctx)
        size = int(match[1]), int(match[2])
        if not (40 <= size[0] <= 400 and 10 <= size[1] <= 200):
            self.fail(f"{value} is not 40x10 to 400x200.", param, ctx)
        return size


def _inherit(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Use the option before the command's name if there is none after it."""
    if value is None and ctx.parent is not None:
        return ctx.parent.params.get(str(param.name))
    return value


def _data(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    named = _inherit(ctx, param, value)
    if named is None and ctx.parent is not None:
        return usual_data()
    # The group itself gets None: another --data may follow the command's name.
    return named


def _printed(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Refuse ``--json`` when standard output is closed: it prints nothing else."""
    if value and sys.stdout is None:
        raise click.UsageError("--json: standard output is closed.", ctx)
    return value


def usual_data() -> Path:
    """Return the default data directory.

    Raises:
        click.UsageError: this user has no home directory.
    """
    found = user_folder()
    if found is None:
        raise click.UsageError("This user has no home directory; name a directory with --data.")
    return found


def user_folder() -> Path | None:
    """Return this user's data folder of cachedesk; ``None`` without a home directory."""
    from platformdirs import user_data_path

    try:
        found = user_data_path("cachedesk", appauthor=False)
    except RuntimeError:
        return None
    # Without a home directory the tilde is not expanded.
    return found if found.is_absolute() else None


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def grouped(argument: str, group: type[object], *options: Decorator) -> Decorator:
    """Return a decorator that adds options to a command and passes their values as one object.

    Args:
        argument: the argument of the command that takes the object.
        group: a dataclass whose fields are the parameters of ``options``.
        options: in the order of the help.
    """
    names = [field.name for field in fields(group)]  # type: ignore[arg-type]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_group(*args: Any, **values: Any) -> Any:
            values[argument] = group(**{name: values.pop(name) for name in names})
            return command(*args, **values)

        for option in reversed(options):
            option(with_group)
        return with_group

    return decorate


data_option: Decorator = click.option(
    "--data",
    type=NonEmptyPath(path_type=Path),
    metavar="DIR",
    callback=_data,
    help="Data directory.  [default: the platform's user data directory]",
)
config_option: Decorator = click.option(
    "--config",
    type=NonEmptyPath(path_type=Path),
    metavar="FILE",
    callback=_inherit,
    help="Settings file, in TOML.  [default: cachedesk.toml in the data directory]",
)
policy_option: Decorator = click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="PATTERN=PATH",
    help="Write path (write-through or write-behind) of the keys that match a pattern; repeatable.",
)
json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, callback=_printed, help="Print one JSON object."
)

report_option: Decorator = click.option(
    "--report",
    type=ReportFile(path_type=Path),
    metavar="FILE",
    help="Write a report to a new file: .html (one page, works offline), .md or .json.",
)


@dataclass(frozen=True, slots=True)
class StackOptions:
    """The data directory of a stack, and its settings."""

    data: Path | None
    config: Path | None
    policies: tuple[str, ...]

    @property
    def directory(self) -> Path:
        """The data directory; errors as for ``usual_data``."""
        return self.data or usual_data()

    def settings(self) -> Settings:
        """Return the settings; errors as for ``config.load`` and ``config.with_policies``."""
        from cachedesk.config import load, with_policies

        return with_policies(load(self.directory, self.config), self.policies)


stack_options = grouped("stack", StackOptions, policy_option, data_option, config_option)
"""Adds the argument ``stack: StackOptions`` to a command."""


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """The appearance of the desk, and whether it may change anything."""

    read_only: bool
    theme: str
    refresh: str | None

    def appearance(self, stack: StackOptions) -> Appearance:
        """Return the appearance of the desk, from these options and the settings file.

        Raises:
            ConfigError: the settings file is invalid, or there is no such theme or key.
        """
        from cachedesk.config import load_desk
        from cachedesk.desk.appearance import checked_appearance

        settings = load_desk(stack.directory, stack.config)
        return checked_appearance(
            theme=self.theme or settings.theme,
            refresh_hz=float(self.refresh or settings.refresh_hz),
            keys=settings.keys,
            hint=settings.hint,
            read_only=self.read_only,
            cards=settings.cards,
        )


theme_option: Decorator = click.option(
    "--theme", default="", metavar="NAME", help="Colour theme of the desk."
)

desk_options = grouped(
    "desk",
    DeskOptions,
    click.option("--read-only", is_flag=True, help="Read-only: no faults, no controls."),
    theme_option,
    click.option(
        "--refresh", type=click.Choice(["1", "2", "4"]), help="Refreshes per second.  [default: 2]"
    ),
)
"""Adds the argument ``desk: DeskOptions`` to a command."""


def appearance_of_user(theme: str) -> Appearance:
    """Return the appearance that this user has chosen in the default data directory, for a desk
    that has a data directory of its own; errors as ``DeskOptions.appearance``."""
    from cachedesk.config import DeskSettings, load_desk
    from cachedesk.desk.appearance import checked_appearance

    own = user_folder()
    chosen = load_desk(own) if own else DeskSettings()
    return checked_appearance(
        theme=theme or chosen.theme,
        refresh_hz=float(chosen.refresh_hz),
        keys={},
        hint=False,
        read_only=False,
        cards=chosen.cards,
    )


without_option: Decorator = click.option(
    "--without",
    multiple=True,
    type=click.Choice(["log", "read_repair", "effectively_once", "cold_restart"]),
    help="Start with this safeguard off, to see what it protects from; repeatable.",
)
seed_option: Decorator = click.option(
    "--seed", type=int, default=1, show_default=True, help="Random seed."
)
clients_option: Decorator = click.option(
    "--clients",
    type=click.IntRange(1, 256),
    metavar="N",
    help=f"Number of client threads.  [default: {WORKLOAD_CLIENTS}; 1 for a trace]",
)

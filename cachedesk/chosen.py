"""What several commands choose by their options. Heavy parts are imported where they are used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedesk.engine.safeguards import Safeguards
    from cachedesk.engine.settings import Settings


def chosen_settings(data: Path, config: Path | None, policies: tuple[str, ...]) -> Settings:
    """Return the settings of a stack in ``data``; arguments and errors as ``config.load`` and
    ``config.with_policies``."""
    from cachedesk.config import load, with_policies

    return with_policies(load(data, config), policies)


def chosen_safeguards(without: tuple[str, ...]) -> Safeguards:
    """Return all safeguards but those in ``without``."""
    from cachedesk.engine.safeguards import Safeguards

    return Safeguards(**dict.fromkeys(without, False))

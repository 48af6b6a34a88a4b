"""Stylesheets that were parsed for one app serve the next: hundreds of apps are started here, and
Textual parses the stylesheets of each several times."""

from __future__ import annotations

from functools import cache
from typing import Any

from textual.css import parse, stylesheet, tokenize
from textual.css.model import RuleSet

_parsed: dict[tuple[Any, ...], list[RuleSet]] = {}


@cache
def _tokens(values: tuple[tuple[str, str], ...]) -> Any:
    return tokenize.tokenize_values(dict(values))


def _tokenize_values(values: dict[str, str]) -> Any:
    return _tokens(tuple(values.items()))


def _parse(*where: Any, variable_tokens: Any, **how: Any) -> list[RuleSet]:
    # The tokens are kept, so that no others will ever have this id; who gets the rules reads them.
    key = (*where, id(variable_tokens), *how.items())
    if key not in _parsed:
        _parsed[key] = list(parse.parse(*where, variable_tokens=variable_tokens, **how))
    return _parsed[key]


def install() -> None:
    """Let every stylesheet look here first."""
    stylesheet.tokenize_values = _tokenize_values
    stylesheet.parse = _parse

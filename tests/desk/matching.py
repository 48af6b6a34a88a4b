"""The rules of the stylesheets for one widget serve all that are alike: hundreds of apps are
started here, and Textual matches each of their widgets with the rules several times."""

from __future__ import annotations

from typing import Any

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

_FLAGS = ("_has_hover_style", "_has_focus_within", "_has_order_style", "_has_odd_or_even")
"""What is noted of a node together with its rules."""

_apply = Stylesheet.apply
_sheets: dict[tuple[RuleSet, ...], _Sheet] = {}


class _Sheet:
    """What is known of all stylesheets of the same rules."""

    def __init__(self, rules: tuple[RuleSet, ...]) -> None:
        self._rules = rules
        self._pseudo_classes: dict[frozenset[str], tuple[str, ...]] = {}
        self.found: dict[tuple[Any, ...], tuple[Any, list[bool]]] = {}

    def key(self, node: DOMNode) -> tuple[Any, ...]:
        """Return all that the rules can ask of ``node``."""
        names = frozenset(node._selector_names)
        pseudo_classes = self._pseudo_classes.get(names)
        if pseudo_classes is None:
            asked = (rule.pseudo_classes for rule in self._rules if rule.selector_names & names)
            pseudo_classes = self._pseudo_classes[names] = tuple(sorted(set().union(*asked)))
        return tuple(_asked(each, pseudo_classes) for each in node.css_path_nodes)


def _asked(node: DOMNode, pseudo_classes: tuple[str, ...]) -> tuple[Any, ...]:
    tests = node._PSEUDO_CLASSES
    has = tuple([name in tests and tests[name](node) for name in pseudo_classes])
    return node._css_type_names, node._id, frozenset(node._classes), has


def _apply_once(
    stylesheet: Any, node: DOMNode, *, animate: bool = False, cache: object = None
) -> None:
    rules = stylesheet.rules
    if getattr(stylesheet, "_known_rules", None) is not rules:
        same = tuple(rules)
        stylesheet._known_rules, stylesheet._known = rules, _sheets.setdefault(same, _Sheet(same))
    found, key = stylesheet._known.found, stylesheet._known.key(node)
    if key in found:
        styles, flags = found[key]
        for name, flag in zip(_FLAGS, flags, strict=True):
            setattr(node, name, flag)
        stylesheet.replace_rules(node, styles, animate=animate)
        stylesheet._process_component_classes(node)
        return
    # It is filled unless the styles depend on the siblings of the node, or there are none.
    filled: dict[Any, Any] = {}
    _apply(stylesheet, node, animate=animate, cache=filled)
    for styles in filled.values():
        found[key] = styles, [getattr(node, name) for name in _FLAGS]


def install() -> None:
    """Let every stylesheet look here first."""
    RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]
    Stylesheet.apply = _apply_once  # type: ignore[method-assign]

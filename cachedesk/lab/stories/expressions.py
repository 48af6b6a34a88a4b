"""Expressions on figures: ``act.lost > 0 and hits / (hits + misses) >= 0.9``.

Numbers, names, ``+ - * /``, comparisons, ``and or not`` and parentheses, in Python's grammar and
parsed by its parser. Nothing else is allowed, so the file of a story cannot run code.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Collection, Mapping

from cachedesk.core.errors import ConfigError

_LARGEST = 10**15
_LONGEST = 500

Number = float | int | bool

_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right if right else float("nan"),
}
_COMPARE: dict[type[ast.cmpop], Callable[[Number, Number], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def names(text: str) -> tuple[str, ...]:
    """Return the names in ``text``, in order, each once.

    Raises:
        ConfigError: it is not a valid expression.
    """
    found: dict[str, int] = {}
    _walk(_parsed(text), lambda name: found.setdefault(name, 1))
    return tuple(found)


def check(text: str, known: Collection[str]) -> None:
    """Check that ``text`` can be evaluated.

    Raises:
        ConfigError: it is not a valid expression, or a name in it is not ``known``: the message
            suggests the nearest.
    """
    for name in names(text):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"there is no figure {name!r}; {hint}")


def value(text: str, figures: Mapping[str, Number]) -> Number:
    """Return the value of ``text``, which was checked before."""
    return _walk(_parsed(text), lambda name: figures[name])


def _parsed(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        # Each character may be a level of nesting.
        raise ConfigError(f"a condition has at most {_LONGEST} characters, not {len(text):,}")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ConfigError(
            f"cannot read {text!r}; write a condition like lost == 0 and hits > misses"
        ) from None


def _walk(node: ast.expr, look_up: Callable[[str], Number]) -> Number:
    match node:
        case ast.Constant(value=bool() | int() | float() as number):
            if not -_LARGEST <= number <= _LARGEST:
                raise ConfigError(f"a number in a condition is at most {_LARGEST:,}")
            # As floats: products of integers could grow without limit.
            return number if isinstance(number, bool) else float(number)
        case ast.Name(id=name):
            return look_up(name)
        case ast.Attribute(value=ast.Name(id=act), attr=name):
            return look_up(f"{act}.{name}")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _walk(operand, look_up)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_walk(operand, look_up)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_walk(left, look_up), _walk(right, look_up))
        case ast.BoolOp(op=op, values=values):
            # No short circuit, so that every name is looked up.
            truths = [bool(_walk(each, look_up)) for each in values]
            return all(truths) if isinstance(op, ast.And) else any(truths)
        case ast.Compare(left=left, ops=ops, comparators=rights):
            numbers = [_walk(each, look_up) for each in (left, *rights)]
            pairs = zip(ops, numbers, numbers[1:], strict=False)
            if all(type(op) in _COMPARE for op in ops):
                return all(_COMPARE[type(op)](before, after) for op, before, after in pairs)
    raise ConfigError(
        f"{ast.unparse(node)!r} is not allowed in a condition; use numbers, figures, + - * /,"
        " comparisons, and, or, not"
    )

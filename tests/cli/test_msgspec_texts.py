"""The texts of msgspec's errors: they are parsed, so a release that changes them must be seen."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from cachedesk.config import mistake


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: Annotated[int, msgspec.Meta(ge=2)] = 4
    share: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    word: Literal["a", "b"] = "a"
    names: list[str] = []


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    inner: Inner = Inner()
    many: list[Inner] = []


class Required(msgspec.Struct):
    title: str


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (Outer, {"inner": {"size": "x"}}, ("Expected `int`, got `str`", "inner.size", None)),
        (Outer, {"inner": {"size": 1}}, ("Expected `int` >= 2", "inner.size", None)),
        (Outer, {"inner": {"share": 0}}, ("Expected `float` > 0.0", "inner.share", None)),
        (Outer, {"inner": {"word": "z"}}, ("Invalid enum value 'z'", "inner.word", None)),
        (Outer, {"inner": 3}, ("Expected `object`, got `int`", "inner", None)),
        (Outer, {"many": [{}, {"names": [1]}]},
            ("Expected `str`, got `int`", "many[1].names[0]", None)),
        (Outer, {"inner": {"sise": 1}},
            ("Object contains unknown field `sise`", "inner", "sise")),
        (Outer, {"iner": {}}, ("Object contains unknown field `iner`", "", "iner")),
        (Outer, {"": {}}, ("Object contains unknown field ``", "", "")),
        (Required, {}, ("Object missing required field `title`", "", None)),
    ],
)  # fmt: skip
def test_each_kind_of_error_is_taken_apart(
    kind: type, value: object, found: tuple[str, str, str | None]
) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, kind)
    assert mistake(caught.value) == found

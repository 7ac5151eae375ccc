"""What is wrong with a message, in the protocol's words: field, what was found, what was expected.

msgspec says where a value does not fit its type; what would fit is read from the type itself.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from msgspec import UNSET, inspect

from stream.core.errors import Malformed

SHOWN = 80

_PLACE = re.compile(r" - at `(key` in `)?\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


class _Place(NamedTuple):
    """A value inside a message, its path and the type it should have."""

    path: str
    value: Any
    type: inspect.Type


def explain(found: Any, expected: Any, told: str) -> Malformed:
    """`told` is what msgspec said of `found`, which is not an `expected`."""
    match = _PLACE.search(told)
    place = _walk(found, _type_of(expected), match.group(2) if match else "")
    what = told[: match.start()] if match else told
    if match and match.group(1):
        return _bad_key(place)
    if isinstance(place.type, inspect.StructType) and isinstance(place.value, dict):
        if "unknown field" in what:
            return _unknown(place, place.type)
        if "missing required field" in what:
            return _missing(place, place.type)
    if isinstance(place.type, inspect.UnionType) and what.endswith("field `type`"):
        return Malformed("type", "missing", describe(place.type))
    return Malformed(place.path or "message", shorten(place.value), describe(place.type))


def shorten(value: Any) -> str:
    """A value in at most 80 ASCII characters, whatever a stranger has put in it, and its size."""
    shown = ascii(value[: SHOWN + 1] if isinstance(value, str | bytes) else value)
    if len(shown) <= SHOWN:
        return shown
    units: dict[type, str] = {str: "characters", bytes: "bytes", list: "entries", dict: "entries"}
    size = f" ({len(value)} {units[type(value)]})" if type(value) in units else ""
    return shown[:SHOWN] + "..." + size


def describe(kind: inspect.Type) -> str:
    """A type in words."""
    match kind:
        case inspect.StrType(pattern=None):
            words = "a string" + _bounds(kind.min_length, kind.max_length, " characters")
        case inspect.StrType(pattern=pattern):
            words = f"a string that matches {pattern}"
        case inspect.IntType():
            words = "an integer" + _bounds(kind.ge, kind.le, first=" from ")
        case inspect.FloatType():
            words = "a number" + _bounds(kind.ge, kind.le, first=" from ")
        case inspect.BoolType():
            words = "true or false"
        case inspect.LiteralType(values=values):
            words = "one of " + ", ".join(map(str, values))
        case inspect.EnumType(cls=enum):
            words = "one of " + ", ".join(str(each.value) for each in enum)
        case _:
            words = _describe_compound(kind)
    return words


def _describe_compound(kind: inspect.Type) -> str:
    match kind:
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            words = f"an array{_bounds(kind.min_length, kind.max_length)}, each {describe(item)}"
        case inspect.DictType():
            words = "an object" + _bounds(kind.min_length, kind.max_length, " entries")
        case inspect.StructType(fields=fields):
            words = "an object with " + ", ".join(field.encode_name for field in fields)
        case inspect.UnionType(types=types):
            tags = ", ".join(sorted(_tags(kind)))
            members = " or ".join(describe(each) for each in types if not _is_unset(each))
            words = f"one of {tags}" if tags else members
        case inspect.NoneType():
            words = "null"
        case _:
            words = "another value"
    return words


def _bounds(low: float | None, high: float | None, unit: str = "", first: str = " of ") -> str:
    if low is None:
        return "" if high is None else f" of at most {high:.12g}{unit}"
    end = "" if high is None else f" to {high:.12g}"
    return f"{first}{low:.12g}{end or ' or more'}{unit}"


def _bad_key(place: _Place) -> Malformed:
    assert isinstance(place.type, inspect.DictType)
    wanted = place.type.key_type
    key = next((key for key in place.value if not _fits(key, wanted)), "")
    return Malformed(f"key of {place.path or 'message'}", shorten(key), describe(wanted))


def _unknown(place: _Place, kind: inspect.StructType) -> Malformed:
    names = [field.encode_name for field in kind.fields]
    strangers = (key for key in place.value if key not in names and key != kind.tag_field)
    stranger = shorten(next(strangers, ""))[1:-1]
    path = f"{place.path}.{stranger}" if place.path else stranger
    return Malformed(path, "unknown", "one of " + ", ".join(names))


def _missing(place: _Place, kind: inspect.StructType) -> Malformed:
    absent = next(
        field for field in kind.fields if field.required and field.encode_name not in place.value
    )
    name = absent.encode_name
    path = f"{place.path}.{name}" if place.path else name
    return Malformed(path, "missing", describe(absent.type))


def _walk(found: Any, kind: inspect.Type, path: str) -> _Place:
    """Follow msgspec's path as far as value and type go with it."""
    value, walked = found, ""
    kind = _choose(kind, value)
    for name, index in _STEP.findall(path):
        step = _into(kind, value, name, index)
        if step is None:
            break
        inner, value = step
        kind = _choose(inner, value)
        walked += f".{name}" if name else "" if index == "..." else f"[{index}]"
    return _Place(walked.lstrip("."), value, kind)


def _into(kind: inspect.Type, value: Any, name: str, index: str) -> tuple[inspect.Type, Any] | None:
    match kind, value:
        case inspect.DictType(value_type=inner), dict():
            return inner, next((each for each in value.values() if not _fits(each, inner)), None)
        case ((inspect.VarTupleType() | inspect.ListType()), list()) if index.isdigit():
            return (kind.item_type, value[int(index)]) if int(index) < len(value) else None
        case inspect.StructType(fields=fields), dict():
            known = {field.encode_name: field.type for field in fields}
            return (known[name], value.get(name)) if name in known else None
        case inspect.UnionType(types=types), dict() if name == _tag_field(types):
            tags = inspect.LiteralType(tuple(sorted(_tags(kind))))
            return tags, value.get(name)
        case _:
            return None


def _choose(kind: inspect.Type, value: Any) -> inspect.Type:
    """The member of a union that a value means to be; the union where that can't be said."""
    if not isinstance(kind, inspect.UnionType):
        return kind
    if isinstance(value, dict):
        for each in kind.types:
            if (
                isinstance(each, inspect.StructType)
                and value.get(each.tag_field, UNSET) == each.tag
            ):
                return each
    members = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
    members = [each for each in members if not _is_unset(each)]
    return members[0] if len(members) == 1 and value is not None else kind


def _tags(kind: inspect.UnionType) -> list[str]:
    return [str(each.tag) for each in kind.types if isinstance(each, inspect.StructType)]


def _tag_field(types: tuple[inspect.Type, ...]) -> str | None:
    return next((each.tag_field for each in types if isinstance(each, inspect.StructType)), None)


def _is_unset(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.CustomType) and kind.cls is type(UNSET)


def _fits(value: Any, kind: inspect.Type) -> bool:
    """Enough of msgspec's own check to find the one that failed among an object's entries."""
    match kind:
        case inspect.StrType(min_length=low, max_length=high):
            return isinstance(value, str) and (low or 0) <= len(value) <= (high or len(value))
        case inspect.FloatType():
            return isinstance(value, float | int) and not isinstance(value, bool)
        case _:
            return True


@cache
def _type_of(expected: Any) -> inspect.Type:
    return inspect.type_info(expected)

"""The policy file: a moderator's rules in TOML -> a book, or the line and the reason why not.

[defaults]
late = "hold"                    # the other keys: stream/core/policies.py
captions = "mask"                # off, mask, drop or flag
lists = ["slurs"]

[defaults.labels]
threat = { review = 0.3, block = 0.7 }

[channels."kids-*"]              # says only what is different here
block = 0.6

[lists.slurs]
words = ["..."]
except = ["..."]
action = "block"                 # or "review"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from stream.core import faults
from stream.core.errors import Malformed, OntimeError
from stream.core.policies import (
    Book,
    ChannelPattern,
    Entry,
    Filter,
    ListName,
    PolicyChange,
    Rules,
    WordList,
    check,
    resolve,
)

LIMIT_BYTES = 256 * 1024
_TOP = ("defaults", "channels", "lists")
_PLACE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")

T = TypeVar("T")
Path = tuple[str | int, ...]


class BadPolicy(OntimeError):
    """A policy file with a mistake in this line."""

    code = "bad_policy"
    status = 400

    def __init__(self, line: int, told: str) -> None:
        super().__init__(f"line {line}: {told}")
        self.line = line


class _Table(Rules, frozen=True, kw_only=True):
    """A table of rules as it stands in the file: lists by their names."""

    lists: Annotated[tuple[ListName, ...], Meta(max_length=32)] | UnsetType = UNSET
    captions: Filter | UnsetType = UNSET


class _ListTable(WordList, frozen=True, kw_only=True):
    name: ListName = "-"


class _Pattern(Struct):
    channel: ChannelPattern


class _Blamed(Exception):
    """A mistake at this path of the file."""

    def __init__(self, path: Path, error: Malformed) -> None:
        super().__init__(str(error))
        self.path = path
        self.error = error


def read_book(text: str) -> Book:
    """The book that a policy file holds. Raises BadPolicy, which names the line."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LIMIT_BYTES:
        raise BadPolicy(1, f"file has {size} bytes, expected at most {LIMIT_BYTES}")
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(text, str(error)) from error
    try:
        return _book(found)
    except _Blamed as blamed:
        raise BadPolicy(locate(text, blamed.path), _told(blamed)) from blamed


def locate(text: str, path: Path) -> int:
    """The line (from 1) in which this path of a TOML text begins, or what holds it where the path
    is not there. The text is TOML; the first lines that hold the path end in the line.
    """
    lines = text.split("\n")
    while path and not _holds(lines, len(lines), path):
        path = path[:-1]
    low, high = 1, max(1, len(lines))
    while path and low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _holds(lines, middle, path) else (middle + 1, high)
    return low if path else 1


def _holds(lines: list[str], count: int, path: Path) -> bool:
    """Whether the first lines hold the path; an array that is still open is closed for this."""
    while count:
        for closing in ("", "\n]"):
            try:
                return _has(tomllib.loads("\n".join(lines[:count]) + closing), path)
            except tomllib.TOMLDecodeError:
                continue
        count -= 1
    return False


def _has(found: Any, path: Path) -> bool:
    for step in path:
        if isinstance(found, dict) and step in found:
            found = found[str(step)]
        elif isinstance(found, list) and isinstance(step, int) and step < len(found):
            found = found[step]
        else:
            return False
    return True


def _book(found: Mapping[str, Any]) -> Book:
    for name in found:
        if name not in _TOP:
            raise _Blamed((name,), Malformed(name, "unknown", "one of " + ", ".join(_TOP)))
    lists = tuple(_list(name, table) for name, table in _tables(found, "lists").items())
    under = Book(lists=lists)
    defaults = _entry(("defaults",), found.get("defaults", {}), "*", under)
    under = Book(lists=lists, defaults=defaults)
    entries = tuple(
        _entry(("channels", pattern), table, pattern, under)
        for pattern, table in _tables(found, "channels").items()
    )
    return Book(defaults=defaults, entries=entries, lists=lists)


def _tables(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    tables = found.get(name, {})
    if not isinstance(tables, dict):
        raise _Blamed((name,), Malformed(name, faults.shorten(tables), "tables by name"))
    return tables


def _list(name: str, table: Any) -> WordList:
    path = ("lists", name)
    read = _read(path, table, _ListTable)
    if "name" in table:
        raise _Blamed((*path, "name"), Malformed("name", "unknown", "the name in the heading"))
    own = {**asdict(read), "name": name}
    return _read(path, msgspec.to_builtins(msgspec.structs.replace(read, **own)), WordList)


def _entry(path: Path, table: Any, pattern: str, under: Book) -> Entry:
    """A table of rules, which must make sense over the defaults that lie under it."""
    if pattern != "*":
        _read(path, {"channel": pattern}, _Pattern)
    read = _read(path, table, _Table)
    known = [each.name for each in under.lists]
    for place, name in enumerate(() if read.lists is UNSET else read.lists):
        if name not in known:
            expected = "one of " + (", ".join(known) or "[lists], of which there are none")
            fault = Malformed(f"lists[{place}]", repr(name), expected)
            raise _Blamed((*path, "lists", place), fault)
    rules = {name: getattr(read, name) for name in Rules.__struct_fields__}
    policy = PolicyChange(**rules)
    entry = Entry(match=pattern, filter=read.captions, lists=read.lists, policy=policy)
    try:
        said = under.said_by(entry)
        check(resolve(under.said_by(under.defaults), said), said)
    except Malformed as error:
        raise _Blamed((*path, *_steps(error.field)), error) from error
    return entry


def _read(path: Path, found: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        fault = faults.explain(found, kind, str(error))
        raise _Blamed((*path, *_steps(fault.field)), fault) from error


def _steps(field: str) -> Path:
    """`labels.threat.block` or `words[3]` as a path."""
    if field == "message":
        return ()
    return tuple(
        int(index) if index else name
        for name, index in re.findall(r"([^.\[\]]+)(?!\])|\[(\d+)\]", field)
    )


def _told(blamed: _Blamed) -> str:
    """The mistake, its key with all that it lies in."""
    error = blamed.error
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in blamed.path)
    shown = ascii("".join(steps).lstrip("."))[1:-1]
    return f"{shown} is {error.found}, expected {error.expected}"


def _unreadable(text: str, told: str) -> BadPolicy:
    """What the TOML reader says, in our words."""
    match = _PLACE.search(told)
    line = int(match[1]) if match and match[1] else len(text.rstrip("\n").split("\n"))
    reason = _PLACE.sub("", told).strip()
    return BadPolicy(line, f"not TOML: {reason[:1].lower()}{reason[1:]}")

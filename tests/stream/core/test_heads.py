"""Heads: what is read, what is left to others, and that nobody would read it otherwise."""

from __future__ import annotations

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream.core.heads import HEAD_BYTES, Head, Unusual, read_head

LINE = b"POST /x HTTP/1.1"


def request(*fields: str, line: bytes = LINE) -> bytes:
    return b"\r\n".join([line, *(field.encode("latin-1") for field in fields), b"", b""])


def test_a_usual_head_is_read() -> None:
    fields = ("Host: here", "Accept: */*", "Authorization:  Bearer abc ", "content-LENGTH: 12")
    data = request(*fields, "Connection: Keep-Alive")
    assert read_head(data + b'{"input":""}', LINE) == Head(len(data), 12, "Bearer abc")


def test_whether_a_request_follows_is_read() -> None:
    fields = ("Host: here", "Content-Length: 2")
    found = [read_head(request(*fields, *more), LINE) for more in ((), ("Connection: Close",))]
    assert [head and head.closes for head in found] == [False, True]


def test_while_it_is_not_complete_there_is_none() -> None:
    data = request("Host: here", "Content-Length: 2")
    assert all(read_head(data[:size], LINE) is None for size in range(len(data)))


@pytest.mark.parametrize(
    "fields",
    [
        ("Host: h",),
        ("Content-Length: 2",),
        ("Host:", "Content-Length: 2"),
        ("Host: h", "Host: h", "Content-Length: 2"),
        ("Host: h", "Content-Length: 2", "Content-Length: 3"),
        ("Host: h", "Content-Length: 2, 2"),
        ("Host: h", "Content-Length: +2"),
        ("Host: h", "Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Host: h", "Content-Length: 2", "Expect: 100-continue"),
        ("Host: h", "Content-Length: 2", "Connection: close, upgrade"),
        ("Host: h", "Content-Length: 2", "Connection: Upgrade", "Upgrade: websocket"),
        ("Host: h", "Content-Length: 2", "X: a", " folded"),
        ("Host: h", "Content-Length : 2"),
        ("Host: h", "Content-Length: 2", "nonsense"),
        ("Host: h", "Content-Length: 2", "X: a\nTransfer-Encoding: chunked"),
        ("Host: h", "Content-Length: 2", "X: a\x00"),
    ],
)
def test_what_is_said_otherwise_is_left_to_others(fields: tuple[str, ...]) -> None:
    with pytest.raises(Unusual):
        read_head(request(*fields), LINE)


@pytest.mark.parametrize(
    "data",
    [
        b"G",
        b"GET /x HTTP/1.1\r\n",
        b"POST /y HTTP/1.1\r\n",
        b"POST /x HTTP/1.0\r\n",
        b"POST /x?a=b HTTP/1.1\r\n",
        LINE + b"\nHost: h\n\n",
        LINE + b"\r\nX: " + b"a" * HEAD_BYTES,
    ],
)
def test_another_line_and_a_long_head_are_left_to_others_at_once(data: bytes) -> None:
    with pytest.raises(Unusual):
        read_head(data, LINE)


PIECES = [
    *(
        "Host: h",
        "Content-Length: 2",
        "content-length:3",
        "Content-Length: 0x2",
        "Connection: close",
    ),
    *(
        "Connection: keep-alive",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "X:\t",
    ),
    *(
        " Content-Length: 5",
        "\tX",
        "X: \x0b",
        "X: \x0cy",
        "X: \xff\x80",
        ":",
        "X",
        "X: a\r",
        "",
        "X:\n",
    ),
]


@example(["Connection: close"])
@example(["Connection: keep-alive"])
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(max_codepoint=255)))))
def test_what_is_read_is_what_a_whole_library_reads(fields: list[str]) -> None:
    data = request("Host: h", "Content-Length: 2", *fields)
    try:
        head = read_head(data, LINE)
    except Unusual:
        return
    if head is None:
        return
    connection = h11.Connection(h11.SERVER)
    # behind a last request h11 expects the end, and nothing else
    follows = b"" if head.closes else b"POST"
    connection.receive_data(data[: head.size] + b"a" * head.length + follows)
    asked = connection.next_event()
    assert isinstance(asked, h11.Request)
    rest = h11.NEED_DATA if head.closes else h11.PAUSED
    events = list(iter(connection.next_event, rest))
    body = b"".join(event.data for event in events if isinstance(event, h11.Data))
    assert body == b"a" * head.length

"""`ontime.js` alone, in a page that has nothing else, against a scripted server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.browser.scripted import Script, scripted
from tests.browser.window import Windows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def script(windows: Windows) -> AsyncIterator[Script]:
    async with scripted(windows) as running:
        yield running


def caption(segment: str, revision: int, text: str, **more: Any) -> dict[str, Any]:
    """What the client needs of a caption."""
    about = {"channel": "demo", "segment": segment, "revision": revision, "text": text}
    return {"type": "caption", "stable": 0, "final": False, "language": "en", **about, **more}


def final(segment: str, text: str, cursor: str) -> dict[str, Any]:
    return caption(segment, 9, text, final=True, cursor=cursor)


def texts(messages: list[dict[str, Any]]) -> list[str]:
    return [message["text"] for message in messages]


async def test_a_token_travels_as_a_subprotocol(script: Script) -> None:
    connection = await script.start("{ token: 'abc' }")
    assert connection.protocols == ["ontime.v1", "bearer.abc"]


async def test_a_subscription_says_what_it_wants(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo', { languages: ['de'], partials: false })")
    request = await connection.subscribed()
    assert request.pop("id")
    assert request == {
        "type": "subscribe",
        "channel": "demo",
        "languages": ["de"],
        "partials": False,
    }
    assert [answer["lost"] for answer in await script.heard("subscribed")] == [False]


async def test_after_a_loss_each_channel_goes_on_from_its_last_cursor(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo')")
    await connection.subscribed(cursor="c0")
    connection.say(**final("a", "one", "c1"))
    connection.say(**caption("b", 1, "two"))
    await script.heard("caption", 2)
    await connection.close(1012)
    again = await script.connection()
    assert (await again.subscribed(cursor="c9"))["since"] == "c1"
    again.say(**final("b", "two!", "c2"))
    assert texts(await script.heard("caption", 3)) == ["one", "two", "two!"]


async def test_a_second_loss_before_the_missed_messages_came_loses_nothing(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo')")
    await connection.subscribed(cursor="c1")
    await connection.close(1012)
    again = await script.connection()
    await again.subscribed(cursor="c9")
    await again.close(1012)
    assert (await (await script.connection()).request("subscribe"))["since"] == "c1"


async def test_what_could_not_be_recovered_is_told_and_not_asked_for_again(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo')")
    await connection.subscribed(cursor="c1")
    await connection.close(1012)
    again = await script.connection()
    await again.subscribed(cursor="c9", recovered=False)
    assert [answer["lost"] for answer in await script.heard("subscribed", 2)] == [False, True]
    await again.close(1012)
    assert (await (await script.connection()).request("subscribe"))["since"] == "c9"


async def test_repeats_are_dropped(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo')")
    await connection.subscribed()
    post = {"type": "post", "channel": "demo", "post": "p", "author": "", "text": "hi"}
    for _ in range(2):
        connection.say(**caption("a", 1, "first"))
        connection.say(**final("a", "done", "c1"))
        connection.say(**caption("a", 10, "zombie"))
        connection.say(**post, cursor="c2")
    connection.say(**caption("b", 1, "next"))
    assert texts(await script.heard("caption", 3)) == ["first", "done", "next"]
    assert texts(await script.heard("post")) == ["hi"]


async def test_an_older_revision_is_dropped_and_a_final_never_is(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo')")
    await connection.subscribed()
    connection.say(**caption("a", 5, "five"))
    connection.say(**caption("a", 4, "four"))
    connection.say(**caption("a", 2, "done", final=True, cursor="c1"))
    assert texts(await script.heard("caption", 2)) == ["five", "done"]


async def test_a_channel_that_was_left_is_silent(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo')")
    await connection.subscribed()
    await script.page.evaluate("client.unsubscribe('demo'); client.subscribe('other')")
    await connection.request("unsubscribe")
    await connection.subscribed()
    connection.say(**caption("a", 1, "still under way"))
    connection.say(**caption("a", 1, "wanted") | {"channel": "other"})
    assert texts(await script.heard("caption")) == ["wanted"]


@pytest.mark.parametrize("code", [1008, 4001, 4003])
async def test_a_refusal_is_final(script: Script, code: int) -> None:
    connection = await script.start()
    await script.page.evaluate(
        "void client.gate('demo', 'hello').catch(({ code }) => { window.refusal = code })"
    )
    await connection.request("gate")
    await connection.close(code, "as told")
    await script.page.wait_for_function("window.refusal === 'refused'")
    state = (await script.heard("state", 3))[-1]
    assert (state["state"], state["code"], state["reason"]) == ("refused", code, "as told")


@pytest.mark.parametrize("code", [1012, 1013, 4008, 4029])
async def test_other_closes_bring_it_back(script: Script, code: int) -> None:
    connection = await script.start()
    await connection.close(code)
    await script.connection()


async def test_the_backoff_doubles_up_to_its_cap(script: Script) -> None:
    connection = await script.start("{ random: () => 1, baseMs: 1, capMs: 8 }")
    for _ in range(5):
        await connection.close(1012)
        connection = await script.connection()
    waits = [state.get("retryMs") for state in await script.heard("state")]
    assert [wait for wait in waits if wait] == [1, 2, 4, 8, 8]


async def test_the_backoff_is_jittered(script: Script) -> None:
    connection = await script.start("{ random: () => 0.25, baseMs: 8 }")
    await connection.close(1012)
    await script.connection()
    waits = [state.get("retryMs") for state in await script.heard("state")]
    assert [wait for wait in waits if wait] == [2]


async def test_an_overloaded_gateway_gets_more_time(script: Script) -> None:
    connection = await script.start("{ random: () => 0 }")
    await connection.close(1013)
    await script.page.wait_for_function("heard.at(-1).retryMs === 2000")


async def test_a_link_that_is_dead_without_a_close_is_replaced(script: Script) -> None:
    await script.start("{ pingMs: 5 }")
    await script.connection()


async def test_a_gate_that_was_cut_off_is_asked_again_as_the_same_post(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate(
        "void client.gate('demo', 'hello', { author: 'Ann', publish: true, budgetMs: 50 })"
        ".then((verdict) => { window.verdict = verdict })"
    )
    first = await connection.request("gate")
    await connection.close(1012)
    again = await script.connection()
    assert await again.request("gate") == first
    assert (first["author"], first["publish"], first["budget_ms"]) == ("Ann", True, 50)
    again.say(type="verdict", id=first["id"], channel="demo", action="allow")
    await script.page.wait_for_function("window.verdict?.action === 'allow'")


async def test_an_error_with_the_requests_id_rejects_it(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate(
        "void client.translate('hello', 'tlh').catch((error) => { window.told = error.message })"
    )
    request = await connection.request("translate")
    connection.say(type="error", id=request["id"], code="unavailable", message="no such language")
    await script.page.wait_for_function("window.told === 'no such language'")


async def test_a_translation_that_was_asked_for_is_the_answer(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate(
        "void client.translate('hello', 'de').then(({ text }) => { window.told = text })"
    )
    request = await connection.request("translate")
    connection.say(type="translation", id=request["id"], channel="", text="hallo", language="de")
    await script.page.wait_for_function("window.told === 'hallo'")


async def test_what_it_does_not_understand_is_left_alone(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo')")
    await connection.subscribed()
    for frame in ["{", "null", "[]", '"caption"', "7", '{"type":"novelty"}', '{"type":"toString"}']:
        connection.say_raw(frame)
    connection.say(**caption("a", 1, "still here"))
    assert texts(await script.heard("caption")) == ["still here"]


async def test_a_closed_client_stays_closed(script: Script) -> None:
    await script.start()
    await script.heard("state", 2)
    await script.page.evaluate("client.close(); dispatchEvent(new Event('online'))")
    states = [state["state"] for state in await script.heard("state", 3)]
    assert states == ["connecting", "live", "closed"]


@pytest.mark.parametrize(
    ("text", "stable", "parts"),
    [
        ("hello world", 5, ["hello", " world"]),
        ("hello", 0, ["", "hello"]),
        ("hello", 99, ["hello", ""]),
        ("😀é日", 1, ["😀", "é日"]),
        ("a😀b", 2, ["a😀", "b"]),
        ("e\u0301x", 2, ["e\u0301", "x"]),
    ],
)
async def test_what_is_settled_is_counted_in_code_points(
    script: Script, text: str, stable: int, parts: list[str]
) -> None:
    split = "async ([text, n]) => (await import('/ontime.js')).splitSettled(text, n)"
    assert await script.page.evaluate(split, [text, stable]) == parts


async def test_a_track_is_bounded_and_forgets_what_is_retracted(script: Script) -> None:
    shown = await script.page.evaluate(
        """async () => {
            const { Track } = await import("/ontime.js");
            const track = new Track(3);
            const put = (segment, more) =>
                track.apply({ segment, revision: 1, text: segment, final: false, ...more });
            for (const segment of "abcde") put(segment, { final: true });
            put("f");
            put("g", { source_segment: "d" });
            track.retract("d");
            const late = put("d", { final: true });
            return [track.last(9).map(({ text }) => text).join(""), late];
        }"""
    )
    assert shown == ["ef", False]


async def test_a_cursor_that_cannot_be_read_is_given_up(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo', { since: 'of another age' })")
    request = await connection.request("subscribe")
    connection.say(type="error", id=request["id"], code="malformed", message="since is …")
    assert "since" not in await connection.subscribed()
    assert [answer["lost"] for answer in await script.heard("subscribed")] == [False]


async def test_a_server_that_is_not_ready_is_asked_again(script: Script) -> None:
    connection = await script.start("{ random: () => 0 }")
    await script.page.evaluate("client.subscribe('demo')")
    request = await connection.request("subscribe")
    connection.say(type="error", id=request["id"], code="unavailable", message="starting")
    assert await connection.subscribed() == request


async def test_a_loss_that_the_server_tells_by_itself_moves_the_cursor(script: Script) -> None:
    connection = await script.start()
    await script.page.evaluate("client.subscribe('demo')")
    await connection.subscribed(cursor="c1")
    connection.say(type="subscribed", id=None, channel="demo", cursor="c7", recovered=False)
    assert [answer["lost"] for answer in await script.heard("subscribed", 2)] == [False, True]
    await connection.close(1012)
    assert (await (await script.connection()).request("subscribe"))["since"] == "c7"

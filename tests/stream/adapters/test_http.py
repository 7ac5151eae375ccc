"""HTTP for backends: an official OpenAI client, LibreTranslate's shape, metrics and errors."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream import serving
from stream.adapters.http import Room
from stream.adapters.tokens import Tokens
from stream.core import wire
from stream.core.messages import Action, Rung, Translation, Verdict
from stream.core.records import Failure, PostJob, Topic
from tests.support.served import SECRET, Served, moderating, served


@pytest.fixture
async def house() -> AsyncIterator[Served]:
    async with served() as running, moderating(running, judge):
        yield running


def judge(job: PostJob) -> Verdict:
    action = Action.BLOCK if "bad" in job.text else Action.ALLOW
    labels = {"hate": 0.95 if "bad" in job.text else 0.05}
    return Verdict(id=job.id, channel=job.channel, action=action, labels=labels, rung=Rung.VERIFIED)


def client_of(house: Served, key: str = "none") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{house.http}/v1", api_key=key, max_retries=2)


EXTRA = {"budget_ms": 10_000}


async def test_an_official_client_moderates(house: Served) -> None:
    async with client_of(house) as client:
        answer = await client.moderations.create(input="bad words", extra_body=EXTRA)
        (result,) = answer.results
        assert result.flagged
        assert result.categories.hate
        assert not result.categories.violence
        assert result.category_scores.hate == 0.95
        extra = result.model_extra
        assert extra is not None
        assert (extra["rung"], extra["late"], extra["degraded"]) == ("verified", False, False)
        assert answer.id.startswith("modr-")


async def test_a_list_is_answered_in_order(house: Served) -> None:
    texts = ["good", "bad", "fine", "bad too"]
    async with client_of(house) as client:
        answer = await client.moderations.create(input=texts, extra_body=EXTRA)
        assert [result.flagged for result in answer.results] == [False, True, False, True]


async def test_a_repeat_by_post_is_answered_alike_and_shown_once(house: Served) -> None:
    named = EXTRA | {"channel": "chat", "post": "p", "author": "ann", "publish": True}
    async with client_of(house) as client, house.speaker() as reader:
        await reader.ask("subscribed", type="subscribe", channel="chat")
        for _ in range(2):
            await client.moderations.create(input="good", extra_body=named)
        assert (await reader.hear("post"))["author"] == "ann"
        with pytest.raises(openai.ConflictError, match="post p has another text"):
            await client.moderations.create(input="other", extra_body=named)
        await reader.ask("pong", type="ping")
        assert reader.heard == []
        assert len(await house.read(Topic.POSTS, 1)) == 1


async def test_a_client_that_waits_for_its_answers_moderates_too(house: Served) -> None:
    def ask() -> list[bool]:
        with openai.OpenAI(base_url=f"{house.http}/v1", api_key="none") as client:
            parts = [{"type": "text", "text": "bad"}, {"type": "text", "text": "good"}]
            answer = client.moderations.create(
                model="omni-moderation-latest",
                input=parts,  # type: ignore[arg-type]
                extra_body=EXTRA,
            )
            return [result.flagged for result in answer.results]

    assert await asyncio.to_thread(ask) == [True, False]


async def test_what_no_label_speaks_for_is_named(house: Served) -> None:
    async with client_of(house) as client:
        answer = await client.moderations.create(input="bad", extra_body=EXTRA)
        assert answer.model_extra is not None
        assert {"harassment", "violence", "sexual"} <= set(answer.model_extra["unsupported"])
        assert "hate" not in answer.model_extra["unsupported"]


async def test_without_workers_the_answer_comes_in_its_budget_and_says_so() -> None:
    async with served() as house, client_of(house) as client:
        answer = await client.moderations.create(input="hello", extra_body={"budget_ms": 50})
        (result,) = answer.results
        assert result.flagged
        assert result.model_extra is not None
        assert result.model_extra["degraded"]
        assert result.model_extra["latency"]["total_ms"] <= 50


async def test_a_bad_request_is_named(house: Served) -> None:
    async with client_of(house) as client:
        with pytest.raises(openai.BadRequestError, match="budget_ms is 5"):
            await client.moderations.create(input="x", extra_body={"budget_ms": 5})
        with pytest.raises(openai.BadRequestError, match="input"):
            await client.moderations.create(input=[])


async def test_a_token_is_wanted_where_there_is_a_secret() -> None:
    key = Tokens(SECRET).make({"sub": "shop", "channels": {"api": ["gate"]}})
    async with served(token_secret=SECRET) as house, moderating(house, judge):
        async with client_of(house) as nobody:
            with pytest.raises(openai.AuthenticationError):
                await nobody.moderations.create(input="x")
        async with client_of(house, key) as client:
            await client.moderations.create(input="x", extra_body=EXTRA)
            with pytest.raises(openai.PermissionDeniedError, match="on channel other"):
                await client.moderations.create(input="x", extra_body={"channel": "other"})


async def test_over_its_rate_a_bearer_is_told_not_to_try_again() -> None:
    async with (
        served(http_texts_per_s=0.001, http_texts_burst=2) as house,
        client_of(house) as client,
        httpx.AsyncClient() as plain,
    ):
        await client.moderations.create(input=["a", "b"], extra_body={"budget_ms": 10})
        with pytest.raises(openai.RateLimitError):
            await client.moderations.create(input="c")
        answer = await plain.post(f"{house.http}/v1/moderations", json={"input": "d"})
        assert answer.status_code == 429
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json()["error"]["type"] == "rate_limit_exceeded"


async def test_a_flood_is_refused_in_its_clients_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "Room", lambda: Room(3))
    async with served() as house, httpx.AsyncClient(base_url=house.http) as client:
        slow = [
            asyncio.create_task(
                client.post("/v1/moderations", json={"input": "a", "budget_ms": 1_000})
            )
            for _ in range(3)
        ]
        while house.gateway.statistics()["gate"]["asked"] < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        answer = await client.post("/v1/moderations", json={"input": "d"})
        assert answer.status_code == 503
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json()["error"]["code"] == "overloaded"
        assert (await client.post("/translate", json={"q": "a", "target": "de"})).json() == {
            "error": "3 requests are under way, expected fewer",
            "code": "overloaded",
        }
        assert (await client.get("/healthz")).status_code == 200
        assert [(await each).status_code for each in slow] == [200] * 3


async def test_bodies_are_bounded(house: Served) -> None:
    async with httpx.AsyncClient(base_url=house.http) as client:
        answer = await client.post("/v1/moderations", content=b" " * (1024 * 1024 + 1))
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "too_big"


async def test_other_paths_and_methods_are_errors_in_json(house: Served) -> None:
    async with httpx.AsyncClient(base_url=house.http) as client:
        for answer, status in (
            (await client.get("/v1/moderations"), 405),
            (await client.get("/nothing"), 404),
        ):
            assert answer.status_code == status
            assert answer.json()["error"]["message"]


async def test_a_translation_is_answered_in_its_shape(house: Served) -> None:
    async def work() -> None:
        (record,) = await house.read(Topic.TEXTS, 1)
        job = wire.decode_text(record)
        done = Translation(
            id=job.id, text=f"[{job.text}]", language="de", rung=Rung.DRAFT, budget_ms=10_000
        )
        await house.write(Topic.TRANSLATIONS, job.channel, done, to=job.gateway)

    async with asyncio.TaskGroup() as tasks, httpx.AsyncClient(base_url=house.http) as client:
        tasks.create_task(work())
        body = {"q": "hi", "source": "en", "target": "de", "budget_ms": 10_000}
        answer = await client.post("/translate", json=body)
        assert answer.status_code == 200
        assert answer.json()["translatedText"] == "[hi]"
        assert answer.json()["rung"] == "draft"


async def test_a_missing_engine_is_named(house: Served) -> None:
    async with httpx.AsyncClient(base_url=house.http) as client:
        answer = await client.post("/translate", json={"q": "x", "target": "de", "budget_ms": 50})
        assert answer.status_code == 501
        assert "expected one with an engine for en to de" in answer.json()["error"]


async def test_a_workers_failure_has_a_status_that_fits(house: Served) -> None:
    async def work() -> None:
        (record,) = await house.read(Topic.TEXTS, 1)
        job = wire.decode_text(record)
        lost = Failure(id=job.id, code="engine_lost", message="the engine died")
        await house.write(Topic.TRANSLATIONS, job.channel, lost, to=job.gateway)

    async with asyncio.TaskGroup() as tasks, httpx.AsyncClient(base_url=house.http) as client:
        tasks.create_task(work())
        body = {"q": "hi", "target": "de", "budget_ms": 10_000}
        answer = await client.post("/translate", json=body)
        assert answer.status_code == 503
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json() == {"error": "the engine died", "code": "engine_lost"}


async def test_metrics_are_what_prometheus_reads(house: Served) -> None:
    async with client_of(house) as client, httpx.AsyncClient(base_url=house.http) as plain:
        await client.moderations.create(input="x", extra_body=EXTRA)
        text = (await plain.get("/metrics")).text
        families = {family.name: family for family in text_string_to_metric_families(text)}
        assert families["ontime_gate_asked"].samples[0].value == 1
        latency = families["ontime_gate_ms"]
        assert latency.type == "histogram"
        assert [s.value for s in latency.samples if s.name == "ontime_gate_ms_count"] == [1]
        for part in ("fanout", "events", "publishers", "websockets", "http", "bus", "translator"):
            assert any(name.startswith(f"ontime_{part}_") for name in families), part


async def test_health_is_told(house: Served) -> None:
    async with httpx.AsyncClient(base_url=house.http) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_a_request_under_way_is_answered_before_the_end() -> None:
    async with httpx.AsyncClient() as client:
        async with served() as house:
            body = {"input": "hello", "budget_ms": 1_000}
            asking = asyncio.create_task(client.post(f"{house.http}/v1/moderations", json=body))
            async with asyncio.timeout(10):
                while not house.gateway.statistics()["gate"]["asked"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert (await asking).status_code == 200

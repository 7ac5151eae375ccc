"""The gate's promise: one verdict by the deadline, whatever is slow, stopped, dead or gone.

A gateway and a moderation worker are processes of their own, on a broker of their own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import NamedTuple

import pytest
import pytest_asyncio

from scripts.kafka import Broker, Cluster, Unavailable
from tests.end_to_end import engines
from tests.end_to_end.commands import Command, children_of, ports_of, up
from tests.end_to_end.roles import Door, House, judged, until_judged
from tests.end_to_end.speaking import speaker
from tests.support.served import Speaker

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

ACTIONS = {"hold": "review", "block": "block", "allow": "allow"}
BUDGET_MS = 1_200


class Scene(NamedTuple):
    house: House
    broker: Broker
    door: Door
    worker: Command


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One that these tests may pause and kill."""
    try:
        cluster = Cluster(tmp_path_factory.mktemp("kafka"))
    except Unavailable as error:
        pytest.skip(f"no Apache Kafka: {error}")
    with cluster:
        yield cluster.brokers[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(broker: Broker) -> AsyncIterator[Scene]:
    house = House(f"127.0.0.1:{broker.port}")
    await house.build()
    async with (
        house.gateway() as door,
        house.worker("moderation", engines.MODERATION) as worker,
    ):
        async with door.speaker() as peer:
            for policy in ACTIONS:
                configure = {"channel": policy, "policy": {"late": policy}}
                await peer.ask("configured", type="configure", **configure)
            await until_judged(peer)
        yield Scene(house, broker, door, worker)


async def promise_is_kept(peer: Speaker, text: str = "hello") -> None:
    """By each channel's policy, marked so; and the shorter budget is answered first."""
    for policy, action in ACTIONS.items():
        ask = {"type": "gate", "channel": policy, "text": text}
        await peer.say(**ask, id=f"long {action}", budget_ms=BUDGET_MS + 300)
        await peer.say(**ask, id=f"short {action}", budget_ms=BUDGET_MS)
    verdicts = [await peer.hear("verdict") for _ in range(2 * len(ACTIONS))]
    told = [verdict["id"].split() for verdict in verdicts]
    for (
        action
    ) in ACTIONS.values():  # a machine that stalls between two channels' posts is no matter
        assert [length for length, each in told if each == action] == ["short", "long"]
    for verdict in verdicts:
        assert verdict["action"] == verdict["id"].split()[1]
        assert (verdict["degraded"], verdict["rung"]) == (True, "repeat")
        assert not verdict["late"]
        budget_ms = BUDGET_MS + 300 * verdict["id"].startswith("long")
        assert verdict["latency"]["total_ms"] <= budget_ms
    await peer.ask("pong", type="ping")
    assert peer.heard == []


async def test_a_worker_that_is_there_gives_the_verdict(scene: Scene) -> None:
    async with scene.door.speaker() as peer:
        verdict = await until_judged(peer, "you are bad")
        assert (verdict["action"], verdict["rung"]) == ("block", "verified")
        assert verdict["labels"]["toxic"] == 0.95


async def test_the_worker_is_stopped(scene: Scene) -> None:
    async with scene.door.speaker() as peer:
        scene.worker.signal(SIGSTOP)
        await promise_is_kept(peer)
        scene.worker.signal(SIGCONT)
        await until_judged(peer)


async def test_the_model_hangs(scene: Scene) -> None:
    async with scene.door.speaker() as peer:
        await promise_is_kept(peer, "!hang")
        await until_judged(peer)


async def test_the_engine_is_killed(scene: Scene) -> None:
    async with scene.door.speaker() as peer:
        (engine,) = children_of(scene.worker)
        os.kill(engine, SIGKILL)
        verdict = await judged(peer, "hello", 2_000)
        assert verdict["action"] in {"allow", "review"}
        await until_judged(peer)


async def test_the_broker_is_frozen(scene: Scene) -> None:
    async with scene.door.speaker() as peer:
        scene.broker.pause()
        try:
            await promise_is_kept(peer)
        finally:
            scene.broker.resume()
        await until_judged(peer)


async def test_the_broker_is_gone(scene: Scene) -> None:
    async with scene.door.speaker() as peer:
        scene.broker.kill()
        for _ in range(2):  # longer than anybody waits for an answer from it
            await promise_is_kept(peer)
        await asyncio.to_thread(scene.broker.start)
        await asyncio.to_thread(scene.broker.wait_ready)
        await until_judged(peer)


async def test_there_is_no_worker(scene: Scene) -> None:
    """The last of these tests: nobody starts the worker again."""
    await scene.worker.kill()
    async with scene.door.speaker() as peer:
        await promise_is_kept(peer)


async def test_in_one_process_the_engine_hangs_and_is_killed() -> None:
    async with up(ONTIME_GATE_GUARD_MS="200") as command:
        port, _ = await ports_of(command)
        async with speaker(port) as peer:
            await until_judged(peer)
            for policy in ACTIONS:
                configure = {"channel": policy, "policy": {"late": policy}}
                await peer.ask("configured", type="configure", **configure)
            await promise_is_kept(peer, "!hang")
            for engine in children_of(command):
                os.kill(engine, SIGKILL)
            await judged(peer, "hello", 2_000)
            await until_judged(peer)

"""Topics on a broker: make them, compare them with what is expected, count their partitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from stream.adapters.kafka.settings import KafkaSettings
from stream.core.errors import BusError, BusGone
from stream.core.records import Topic
from stream.core.topics import RETENTION, Retention

SETTLE_S = 2.0
"""For so long a broker may not know of topics that were just made."""
_RETRY_S = 0.25


class Cluster(NamedTuple):
    """What a broker says of itself: its cluster's id, its brokers, partitions by topic."""

    identity: str
    brokers: int
    partitions: dict[Topic, int]


async def describe(settings: KafkaSettings) -> Cluster:
    """Look at the cluster; missing topics are left out. Raises BusGone when no broker answers."""
    async with _admin(settings) as admin:
        cluster = await admin.describe_cluster()
        found = await admin.describe_topics([settings.name(topic) for topic in Topic])
    counts = {each["topic"]: len(each["partitions"]) for each in found if not each["error_code"]}
    names = {topic: settings.name(topic) for topic in Topic}
    partitions = {topic: counts[name] for topic, name in names.items() if name in counts}
    return Cluster(cluster["cluster_id"] or "", len(cluster["brokers"]), partitions)


async def find_topics(settings: KafkaSettings) -> Cluster:
    """As `describe`, but asks again for SETTLE_S where topics are missing."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SETTLE_S
    while True:
        cluster = await describe(settings)
        if len(cluster.partitions) == len(Topic) or loop.time() >= end:
            return cluster
        await asyncio.sleep(_RETRY_S)


def partitions_of(cluster: Cluster) -> int:
    """The number of partitions that all topics have. Raises BusError where they differ."""
    if missing := [topic for topic in Topic if topic not in cluster.partitions]:
        raise BusError(f"topics {', '.join(missing)} are missing, expected all of them")
    counts = set(cluster.partitions.values())
    if len(counts) != 1:
        found = ", ".join(f"{topic} {count}" for topic, count in cluster.partitions.items())
        raise BusError(f"topics have partitions {found}, expected the same number everywhere")
    return counts.pop()


async def create_topics(
    settings: KafkaSettings, partitions: int, replicas: int | None = None
) -> list[Topic]:
    """Make the topics that are missing and return them, once brokers lead all their partitions.

    Existing ones stay as they are. `replicas` is three where there are three brokers, unless
    given. Raises BusError, and BusGone when it takes longer than `connect_s`.
    """
    cluster = await describe(settings)
    copies = replicas or min(3, cluster.brokers)
    wanted = [topic for topic in Topic if topic not in cluster.partitions]
    requests = [
        NewTopic(settings.name(topic), partitions, copies, topic_configs=config(RETENTION[topic]))
        for topic in wanted
    ]
    async with _admin(settings) as admin:
        answer = await admin.create_topics(requests)
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise BusError(f"topic {name} not created: {error.__name__}")
    await _wait_led(settings)
    return wanted


async def _wait_led(settings: KafkaSettings) -> None:
    """A topic that was just made becomes known to the brokers a little later."""
    async with _admin(settings) as admin:
        while True:
            found = await admin.describe_topics([settings.name(topic) for topic in Topic])
            parts = [part for each in found for part in each["partitions"]]
            if not any(each["error_code"] for each in (*found, *parts)):
                return
            await asyncio.sleep(_RETRY_S)


async def check_topics(settings: KafkaSettings, partitions: int | None = None) -> list[str]:
    """What differs from the expected topics, a line each; nothing where all is well.

    Without `partitions` any number will do, as long as all topics have the same.
    """
    cluster = await describe(settings)
    found = await _configs(settings, cluster.partitions)
    wanted = partitions or max(cluster.partitions.values(), default=1)
    differences: list[str] = []
    for topic in Topic:
        if topic not in cluster.partitions:
            differences.append(f"{settings.name(topic)} is missing")
            continue
        expected = {"partitions": str(wanted), **config(RETENTION[topic])}
        actual = {"partitions": str(cluster.partitions[topic]), **found[topic]}
        differences += [
            f"{settings.name(topic)} has {name} {actual.get(name, 'unset')}, expected {value}"
            for name, value in expected.items()
            if actual.get(name) != value
        ]
    return differences


def config(retention: Retention) -> dict[str, str]:
    """A topic's retention in Kafka's words."""
    return {
        "cleanup.policy": "compact" if retention.compacted else "delete",
        "retention.ms": str(retention.keep_s * 1000),
        "segment.ms": str(retention.segment_s * 1000),
    }


async def _configs(
    settings: KafkaSettings, topics: Iterable[Topic]
) -> Mapping[Topic, dict[str, str]]:
    found: dict[Topic, dict[str, str]] = {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, settings.name(topic)) for topic in topics]
    if not resources:
        return found
    async with _admin(settings) as admin:
        answers: list[Any] = await admin.describe_configs(resources)
    for code, _, _, name, entries in (each for answer in answers for each in answer.resources):
        if code:
            raise BusError(f"settings of {name} not told: {for_code(code).__name__}")
        topic = Topic(name.removeprefix(settings.prefix))
        found[topic] = {entry[0]: entry[1] for entry in entries}
    return found


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.bootstrap, request_timeout_ms=int(settings.connect_s * 1000)
    )
    try:
        async with asyncio.timeout(settings.connect_s):
            await _connect(admin)
            yield admin
    except (KafkaError, TimeoutError) as error:
        raise BusGone(f"no answer from {settings.bootstrap}: {_name(error)}") from error
    finally:
        await admin.close()


async def _connect(admin: AIOKafkaAdminClient) -> None:
    """Try until the time is up: a broker and its users are often started together."""
    while True:
        try:
            await admin.start()
        except KafkaError:
            await asyncio.sleep(_RETRY_S)
        else:
            return


def _name(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()

"""Fixtures: a real Apache Kafka, a cluster of three, and librdkafka's test cluster.

Each starts when the first test asks for it and ends with the session. `ONTIME_TEST_KAFKA=HOST:PORT`
names a running Kafka to use instead of one of our own. Tests keep apart by topic prefixes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import Producer

from scripts.kafka import Cluster, Unavailable
from stream.adapters.kafka import KafkaSettings

StartCluster = Callable[[int], Cluster]

_prefixes = count(1)


def new_prefix() -> str:
    """A topic prefix that no other test of this or another session has."""
    return f"test-{os.getpid()}-{next(_prefixes)}."


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Kafka that tests share: they must leave it running."""
    if given := os.environ.get("ONTIME_TEST_KAFKA"):
        yield given
        return
    with _cluster(tmp_path_factory.mktemp("kafka"), 1) as cluster:
        yield cluster.bootstrap


@pytest.fixture
def start_cluster(tmp_path: Path) -> Iterator[StartCluster]:
    """Starts a cluster of so many nodes that a test may stop, kill and pause."""
    with ExitStack() as stack:
        yield lambda nodes: stack.enter_context(_cluster(tmp_path, nodes))


@pytest.fixture(scope="session")
def mock_cluster() -> Iterator[str]:
    """The address of librdkafka's in-process cluster (its limits: design, Kafka)."""
    # The cluster lives as long as this client does.
    client = Producer(
        {"bootstrap.servers": "localhost:1", "test.mock.num.brokers": 1, "log_level": 3}
    )
    brokers = client.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    del client


def real_settings(bootstrap: str, prefix: str) -> KafkaSettings:
    """Settings for a real broker; ours lets a silent member go sooner than others may."""
    ours = "ONTIME_TEST_KAFKA" not in os.environ
    return KafkaSettings(bootstrap=bootstrap, prefix=prefix, session_s=2.0 if ours else 6.0)


def mock_settings(bootstrap: str, prefix: str) -> KafkaSettings:
    """Settings within that cluster's limits: fetches do not wake on data, a join takes 3 s."""
    return KafkaSettings(bootstrap=bootstrap, prefix=prefix, fetch_wait_s=0.005, session_s=4.0)


def _cluster(folder: Path, nodes: int) -> Cluster:
    try:
        return Cluster(folder, nodes)
    except Unavailable as error:
        pytest.skip(f"no Apache Kafka: {error}")

"""What this adapter may be told, and how topics and logs are named on a broker."""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka.structs import TopicPartition

from stream.core.records import Log, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Where the broker is, and how long to wait for what.

    bootstrap    host:port of one or more brokers, separated by commas
    prefix       before each topic's name
    queue_limit  records queued or not yet acknowledged
    delivery_s   a record that is not acknowledged by then fails with BusGone
    session_s    a member that is silent for so long loses its logs
    fetch_wait_s how long a broker may hold a fetch without data; it wakes on data
    answer_s     bound for commits, offsets and closing
    connect_s    how long to try to connect, and to wait for a share of a group
    stuck_s      a reader that is behind and stands for so long is built anew
    """

    bootstrap: str
    prefix: str = "ontime."
    queue_limit: int = 10_000
    delivery_s: float = 10.0
    session_s: float = 6.0
    fetch_wait_s: float = 0.5
    answer_s: float = 2.0
    connect_s: float = 30.0
    stuck_s: float = 5.0

    def name(self, topic: Topic) -> str:
        """The topic's name on the broker."""
        return self.prefix + topic

    def place(self, log: Log) -> TopicPartition:
        """A log as aiokafka names it."""
        return TopicPartition(self.name(log.topic), log.partition)

    def log(self, place: TopicPartition) -> Log:
        """What `place` was made from."""
        return Log(Topic(place.topic.removeprefix(self.prefix)), place.partition)

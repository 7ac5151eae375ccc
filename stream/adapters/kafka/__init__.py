"""The bus of many machines, on Apache Kafka through aiokafka (design: Kafka)."""

from stream.adapters.kafka.admin import check_topics, create_topics
from stream.adapters.kafka.bus import KafkaBus
from stream.adapters.kafka.settings import KafkaSettings

__all__ = ["KafkaBus", "KafkaSettings", "check_topics", "create_topics"]

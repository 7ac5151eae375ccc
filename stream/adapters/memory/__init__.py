"""The bus of one process: the same contract as Kafka's, in memory."""

from stream.adapters.memory.bus import MemoryBus

__all__ = ["MemoryBus"]

"""The demo: real recordings and sample chat, sent as a publisher and an audience would."""

from stream.demo.publisher import DEMO_CHANNEL, play

__all__ = ["DEMO_CHANNEL", "play"]

"""The demo: real recordings and sample chat, sent as a publisher and an audience would."""

from stream.demo.publisher import DEMO_CHANNEL, Programme, bundled, play

__all__ = ["DEMO_CHANNEL", "Programme", "bundled", "play"]

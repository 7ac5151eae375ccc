"""Captions, translations and posts with everything filled in but what a test is about."""

from __future__ import annotations

from typing import Any

from stream.core.messages import Caption, Latency, Rung, Translation

LATENCY = Latency(ingress_ms=2, queue_ms=8, decode_ms=90, fanout_ms=1, total_ms=101)


def caption(segment: str, revision: int, text: str, **more: Any) -> Caption:
    """A partial of channel `demo`, nothing of it settled."""
    about: dict[str, Any] = {
        "channel": "demo",
        "stable": 0,
        "final": False,
        "start": 61.0,
        "end": 63.0,
        "audio_end": 63.5,
        "rung": Rung.DRAFT,
        "latency": LATENCY,
        "budget_ms": 200,
    }
    return Caption(segment=segment, revision=revision, text=text, **(about | more))


def final(segment: str, text: str, **more: Any) -> Caption:
    about = {"final": True, "stable": len(text), "rung": Rung.VERIFIED}
    return caption(segment, 99, text, **(about | more))


def translation(segment: str, text: str, language: str, **more: Any) -> Translation:
    """A final of channel `demo`."""
    return Translation(
        channel="demo",
        segment=segment,
        source_segment=segment,
        text=text,
        stable=len(text),
        language=language,
        rung=Rung.VERIFIED,
        latency=LATENCY,
        budget_ms=300,
        **more,
    )

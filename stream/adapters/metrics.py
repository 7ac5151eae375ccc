"""Statistics as Prometheus reads them, by prometheus-client."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric, UntypedMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from stream.core.stats import Histogram

CONTENT_TYPE = CONTENT_TYPE_LATEST
_NAME = re.compile(r"[^a-zA-Z0-9_]")


class Metrics:
    """Numbers by part and name, and histograms of milliseconds, asked anew for each `render`."""

    def __init__(
        self,
        statistics: Callable[[], Mapping[str, Mapping[str, float]]],
        latencies: Callable[[], Mapping[str, Histogram]],
    ) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Statistics(statistics, latencies))

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self._registry)


class _Statistics(Collector):
    def __init__(
        self,
        statistics: Callable[[], Mapping[str, Mapping[str, float]]],
        latencies: Callable[[], Mapping[str, Histogram]],
    ) -> None:
        self._statistics = statistics
        self._latencies = latencies

    def collect(self) -> Iterator[Metric]:
        for part, numbers in self._statistics().items():
            for name, value in numbers.items():
                full = _NAME.sub("_", f"ontime_{part}_{name}")
                yield UntypedMetricFamily(full, f"{name} of {part}", value)
        for name, histogram in self._latencies().items():
            buckets = [(_bound(bound), float(count)) for bound, count in histogram.cumulative()]
            yield HistogramMetricFamily(
                _NAME.sub("_", f"ontime_{name}_ms"),
                f"milliseconds of {name}",
                buckets=buckets,
                sum_value=histogram.total,
            )


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else f"{bound:.4g}"

"""Figures for Prometheus on a loopback port of their own (LINTEL_METRICS_PORT): numbers only, no ids, no names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.config import ConfigError
from portal.health import vitals


class ServerFigures(Collector):
    """Asks when it's asked: nothing is counted on the way of a request or a packet."""

    def __init__(self, connections: Callable[[], dict[str, int]]) -> None:
        self.connections = connections

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("lintel_ready", "1 while the process serves", value=float(vitals.serving))
        yield GaugeMetricFamily("lintel_loop_lag_seconds", "How late the event loop wakes up (median)", vitals.lag_s)
        held = GaugeMetricFamily("lintel_connections", "Open connections by kind", labels=["kind"])
        for kind, count in self.connections().items():
            held.add_metric([kind], count)
        yield held


def serve_metrics(port: int, connections: Callable[[], dict[str, int]]) -> Any:
    """Starts the page in a thread; returns what stops it (`.shutdown()`). Raises ConfigError if the port is taken."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(ServerFigures(connections))
    try:
        server, _thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as problem:
        raise ConfigError(
            [f"LINTEL_METRICS_PORT: 127.0.0.1:{port} can't be used ({problem.strerror}); choose another port"]
        ) from None
    return server

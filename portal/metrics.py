"""Figures for Prometheus on a loopback port of their own (LINTEL_METRICS_PORT): numbers only, no ids, no names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.config import ConfigError
from portal.health import vitals

COUNTED = {
    "packets": "RTP packets of media, by direction",
    "octets": "Bytes: in, of whole datagrams; out, of payloads",
    "nacks": "Requests to send packets again, by direction",
    "key_frames_asked": "Requests for a key frame, by direction",
}


class ServerFigures(Collector):
    """Asks when it's asked: nothing is counted on the way of a request or a packet."""

    def __init__(self, connections: Callable[[], dict[str, int]]) -> None:
        self.connections = connections

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("lintel_ready", "1 while the process serves", value=float(vitals.serving))
        yield GaugeMetricFamily("lintel_loop_lag_seconds", "How late the event loop wakes up (median)", vitals.lag_s)
        yield GaugeMetricFamily("lintel_loop_tasks", "Tasks of the event loop", vitals.tasks)
        held = GaugeMetricFamily("lintel_connections", "Open connections by kind", labels=["kind"])
        for kind, count in self.connections().items():
            held.add_metric([kind], count)
        yield held


class MediaFigures(Collector):
    """The engine's own figures (`media_engine.figures`). `figures` asks for them on its loop; None: no answer."""

    def __init__(self, figures: Callable[[], Any]) -> None:
        self.figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self.figures()
        if figures is None:
            return
        yield GaugeMetricFamily("lintel_media_sessions", "Meetings with media", value=figures.sessions)
        yield GaugeMetricFamily("lintel_media_peers", "People in them", value=figures.peers)
        transports = GaugeMetricFamily("lintel_media_transports", "Transports by state", labels=["state"])
        for state, count in figures.transports.items():
            transports.add_metric([state], count)
        yield transports
        for name, text in COUNTED.items():
            family = CounterMetricFamily(f"lintel_media_{name}", text, labels=["direction"])
            for direction in ("in", "out"):
                family.add_metric([direction], figures.counted[f"{name}_{direction}"])
            yield family
        counted = figures.counted
        yield CounterMetricFamily("lintel_media_reports", "RTCP packets sent", value=counted["reports_out"])
        yield CounterMetricFamily("lintel_media_retransmitted", "Packets sent again", value=counted["retransmitted"])
        yield CounterMetricFamily(
            "lintel_media_repaired", "Lost packets that came after all", value=counted["repaired"]
        )
        dropped = CounterMetricFamily("lintel_media_dropped", "Datagrams dropped, by reason", labels=["reason"])
        for reason, count in figures.dropped.items():
            dropped.add_metric([reason], count)
        yield dropped
        buckets = [(f"{bound:g}", count) for bound, count in figures.waits.cumulative()]
        total = buckets[-1][1] if buckets else 0
        yield HistogramMetricFamily(
            "lintel_media_wait_seconds",
            "How long the oldest datagram of each batch waited until it was read: what the process adds to the delay",
            buckets=[*buckets[:-1], ("+Inf", total)],
            sum_value=figures.waits.seconds,
        )
        yield CounterMetricFamily(
            "lintel_media_busy_seconds",
            "Time spent reading, dealing with and sending media",
            value=figures.busy_seconds,
        )


def serve_metrics(port: int, connections: Callable[[], dict[str, int]], figures: Callable[[], Any]) -> Any:
    """Starts the page in a thread; returns what stops it (`.shutdown()`). Raises ConfigError if the port is taken."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(ServerFigures(connections))
    registry.register(MediaFigures(figures))
    try:
        server, _thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as problem:
        raise ConfigError(
            [f"LINTEL_METRICS_PORT: 127.0.0.1:{port} can't be used ({problem.strerror}); choose another port"]
        ) from None
    return server

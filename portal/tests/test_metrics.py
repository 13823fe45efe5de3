"""The page for Prometheus, made of an engine's figures."""

from __future__ import annotations

from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from media_engine import EngineFigures, Waits
from portal.metrics import MediaFigures


def samples(figures: EngineFigures | None) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry()
    registry.register(MediaFigures(lambda: figures))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_every_figure_has_its_place() -> None:
    waits = Waits()
    for seconds in (0.0004, 0.003, 7.0):
        waits.note(seconds)
    counted = Counter(packets_in=10, packets_out=70, octets_in=9000, octets_out=60000, nacks_in=3, retransmitted=2)
    found = samples(
        EngineFigures(
            sessions=1,
            peers=8,
            transports={"connected": 16},
            counted=counted,
            dropped=Counter(stranger=4),
            waits=waits,
            busy_seconds=1.5,
        )
    )
    assert found["lintel_media_peers",] == 8
    assert found["lintel_media_transports", "connected"] == 16
    assert found["lintel_media_packets_total", "in"] == 10
    assert found["lintel_media_packets_total", "out"] == 70
    assert found["lintel_media_nacks_total", "out"] == 0
    assert found["lintel_media_retransmitted_total",] == 2
    assert found["lintel_media_dropped_total", "stranger"] == 4
    assert found["lintel_media_busy_seconds_total",] == 1.5
    assert found["lintel_media_wait_seconds_bucket", "0.0005"] == 1
    assert found["lintel_media_wait_seconds_bucket", "0.005"] == 2
    assert found["lintel_media_wait_seconds_bucket", "1"] == 2
    assert found["lintel_media_wait_seconds_bucket", "+Inf"] == 3
    assert found["lintel_media_wait_seconds_count",] == 3


def test_an_engine_that_does_not_answer_leaves_the_rest_of_the_page_as_it_is() -> None:
    assert samples(None) == {}

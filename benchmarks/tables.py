"""Results as tables for a terminal. Pure apart from printing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.load import Measured
from benchmarks.memory import MemoryMeasured
from benchmarks.relay_load import RelayMeasured

ENGINE_COLUMNS = "{:<14}{:>10}{:>9}{:>12}{:>15}{:>9}{:>9}{:>9}{:>9}"


def print_engine(rows: Sequence[tuple[Measured, Sequence[float]]], loop_name: str) -> None:
    """Each row with the µs of all its rounds."""
    print(f"\nEngine on {loop_name}; µs is server CPU per forwarded packet, median and range of the rounds\n")
    print(
        ENGINE_COLUMNS.format(
            "load", "offered/s", "out/s", "µs/packet", "range", "loss %", "ms p50", "ms p95", "ms p99"
        )
    )
    for row, costs in rows:
        print(
            ENGINE_COLUMNS.format(
                row.name,
                row.offered_per_second,
                f"{row.forwarded_per_second:.0f}",
                f"{row.cpu_us_per_packet:.2f}",
                f"{min(costs):.1f}-{max(costs):.1f}",
                f"{100 * row.loss_ratio:.3f}",
                f"{row.delay_ms_p50:.2f}",
                f"{row.delay_ms_p95:.2f}",
                f"{row.delay_ms_p99:.2f}",
            )
        )


def print_relay(rows: Sequence[RelayMeasured]) -> None:
    print("\naiortc RTCPeerConnection and MediaRelay (decode and re-encode), 640x360 VP8 and Opus\n")
    for row in rows:
        print(f"{row.name:<26}{row.forwarded_per_second:>8.0f} out/s{row.cpu_us_per_packet:>11.1f} µs/packet")


def print_memory(memory: MemoryMeasured) -> None:
    steps = ", ".join(f"{members}: {megabytes} MB" for members, megabytes in memory.rss_mb.items())
    print(f"\nResident memory by participants connected: {steps}")
    print(
        f"{memory.mb_per_participant:.3f} MB each, {memory.mb_per_participant_slope:.3f} MB each beyond the first step"
    )


def print_product(measured: Mapping[str, Any]) -> None:
    pages = ", ".join(f"{path} {kilobytes} kB" for path, kilobytes in measured["page_kb_without_fonts"].items())
    touched = ", ".join(f"{path} {kilobytes} kB" for path, kilobytes in measured["page_kb_once_touched"].items())
    starts = " ".join(f"{seconds:.1f}" for seconds in measured["second_start_s"])
    processor = " ".join(f"{seconds:.1f}" for seconds in measured["second_start_cpu_s"])
    joins = " ".join(f"{seconds:.2f}" for seconds in measured["join_s"])
    print("\nThe whole product, two Chromium processes\n")
    print(f"from Join to the first remote frame: p50 {measured['join_s_p50']:.2f} s ({joins})")
    print(f"ready on a second start: {measured['second_start_s_median']:.1f} s ({starts}; CPU {processor})")
    print(f"pages as they travel, without fonts: {pages}; once touched: {touched}")

"""Results as tables for a terminal. Pure apart from printing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.decision import DecisionMeasured
from benchmarks.memory import MemoryMeasured
from benchmarks.peers import Row
from benchmarks.relay_load import RelayMeasured

COLUMNS = "{:<16}{:<15}{:>10}{:>11}{:>12}{:>12}{:>8}{:>8}{:>8}{:>8}{:>8}"


def print_decision(measured: DecisionMeasured) -> None:
    """One answer of the door."""
    print(f"\nOne decision of the door, CPU, over {measured.cases} cases\n")
    print(f"  median {measured.us_median} µs, slowest {measured.us_slowest} µs ({measured.slowest})")
    print(f"  a meeting's rules within the organisation's limits: {measured.us_within_limits} µs")


def print_growth(rows: Iterable[Row]) -> None:
    """The engine by number of members; "handled" divides by what came in as well as by what went out."""
    print("\nµs is server CPU per forwarded packet, median and range of the rounds\n")
    columns = "{:<18}{:<18}{:>9}{:>11}{:>13}{:>12}{:>8}{:>7}{:>7}"
    print(columns.format("server", "load", "out/s", "µs/packet", "range", "µs/handled", "ms p50", "p95", "p99"))
    for row in sorted(rows, key=lambda row: row.server):
        measured = row.median
        costs = f"{measured.cpu_us_per_packet:.2f}", f"{min(row.costs):.1f}-{max(row.costs):.1f}"
        handled = f"{measured.cpu_us_per_packet_handled:.2f}"
        delays = (f"{ms:.2f}" for ms in (measured.delay_ms_p50, measured.delay_ms_p95, measured.delay_ms_p99))
        print(columns.format(row.server, measured.name, measured.forwarded_per_second, *costs, handled, *delays))


def print_steady(rows: Iterable[Row]) -> None:
    """Equal offered load on every server."""
    print("\nOne meeting, equal offered load, one core; µs is server CPU per forwarded packet, median of the rounds\n")
    _print_rows(rows)


def print_capacity(rows: Iterable[Row]) -> None:
    """The most that each server carries."""
    print("\nAs many meetings as fit on one core with less than 1 % lost and a p95 below 50 ms\n")
    rows = list(rows)
    _print_rows(rows)
    for row in rows:
        print(f"  {row.server}, {row.median.name}: ended by {row.ended}")


def _print_rows(rows: Iterable[Row]) -> None:
    print(
        COLUMNS.format(
            "server", "load", "meetings", "out/s", "µs/packet", "range", "loss %", "ms p50", "p95", "p99", "RSS MB"
        )
    )
    for row in sorted(rows, key=lambda row: row.median.name):
        measured = row.median
        print(
            COLUMNS.format(
                row.server,
                measured.name,
                measured.meetings,
                measured.forwarded_per_second,
                f"{measured.cpu_us_per_packet:.2f}",
                f"{min(row.costs):.1f}-{max(row.costs):.1f}",
                f"{100 * measured.loss_ratio:.2f}",
                f"{measured.delay_ms_p50:.2f}",
                f"{measured.delay_ms_p95:.2f}",
                f"{measured.delay_ms_p99:.2f}",
                f"{measured.rss_mb:.0f}",
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


def print_stalled(measured: Mapping[str, Any]) -> None:
    """An authorization service that says nothing."""
    print(f"\nAn authorization service says nothing for {measured['during']['seconds']:.0f} s\n")
    for name in ("before", "during"):
        one = measured[name]
        print(
            f"{name:<8}{one['heard']} of {one['sent']} packets heard, pauses p99 {one['pause_ms_p99']} ms, longest"
            f" {one['pause_ms_longest']} ms; socket p50 {one['ping_ms_median']} ms, p99 {one['ping_ms_p99']} ms"
        )
    came, held = measured["newcomers"], measured["questions_held"]
    print(f"let in: {measured['let_in']} of {came} who came; questions held: {held}")
    print(f"a lease of {measured['short_lease_s']} s ended after {measured['short_lease_ended_after_s']} s")
    print(f"after the first answer the first newcomer was in within {measured['in_again_after_s']} s")


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

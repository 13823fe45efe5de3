"""`meeting …`: looks into a running meeting from a shell. `trace` tells what has happened in its media."""

from __future__ import annotations

import json
import socket
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import F

from meetings import codes
from meetings.live.diagnosis import MAX_PACKET_SECONDS, socket_path
from meetings.models import Meeting, Occurrence

ANSWER_SECONDS = 10.0
NOT_DETAILS = ("at", "event", "peer")


class Command(BaseCommand):
    help = "Looks into a meeting that this server is running or has just run."
    requires_system_checks: list[str] = []  # they import every page and the engine
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        trace = actions.add_parser("trace", help="What has happened in a meeting's media, oldest first.")
        trace.add_argument("meeting", help="The meeting's id or code, or the id of one of its occurrences.")
        trace.add_argument(
            "--packets",
            type=float,
            metavar="SECONDS",
            help=f"Also note the headers of all packets for so long, at most {MAX_PACKET_SECONDS:.0f} s. No payloads.",
        )
        trace.add_argument("--json", action="store_true", help="Everything, statistics in webrtc-stats terms included.")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        seconds = options["packets"]
        if seconds is not None and not 0 < seconds <= MAX_PACKET_SECONDS:
            raise CommandError(f"--packets: more than 0 and at most {MAX_PACKET_SECONDS:.0f} seconds")
        occurrence = _occurrence(options["meeting"])
        if occurrence is None:
            raise CommandError("There is no such meeting. Its id is in its page's address, its code in its link.")
        answer = _ask({"occurrence": str(occurrence.pk), "packets_seconds": seconds}, seconds or 0.0)
        if options["json"]:
            self.stdout.write(json.dumps(answer, indent=2))
            return
        self._write(answer)

    def _write(self, answer: dict[str, Any]) -> None:
        offset = answer["unix"] - answer["now"]
        if not answer["events"]:
            self.stdout.write("Nothing is known: this server has not run that meeting since it started, or long ago.")
        for event in answer["events"]:
            details = " ".join(f"{name}={_said(value)}" for name, value in event.items() if name not in NOT_DETAILS)
            self.stdout.write(
                f"{_time(event['at'] + offset)}  {event['event']:<20} {event['peer']:<36}  {details}".rstrip()
            )
        for packet in answer["packets"] or ():
            extensions = " ".join(f"{number}:{value}" for number, value in packet.get("extensions", {}).items())
            known = " ".join(
                f"{name}={packet[name]}"
                for name in ("ssrc", "payload_type", "sequence", "timestamp", "marker", "bytes")
                if name in packet
            )
            line = (
                f"{_time(packet['at'] + offset)}  {packet['direction']:<3} {packet['peer']:<36}  {known} {extensions}"
            )
            self.stdout.write(line.rstrip())
        if answer["packets"] == []:
            self.stdout.write("No packet passed in that time.")
        self.stdout.write("The meeting is running." if answer["live"] else "The meeting is not running.")


def _occurrence(text: str) -> Occurrence | None:
    """The occurrence that is meant: of a meeting, the one that began last."""
    code = codes.normalise_code(text)
    meetings = Meeting.objects.filter(code=code) if code else Meeting.objects.none()
    try:
        identity = UUID(text)
    except ValueError:
        identity = None
    if identity is not None:
        occurrence = Occurrence.objects.filter(pk=identity).first()
        if occurrence is not None:
            return occurrence
        meetings = Meeting.objects.filter(pk=identity)
    meeting = meetings.first()
    if meeting is None:
        return None
    return meeting.occurrences.order_by(F("started_at").desc(nulls_last=True), "starts_at").first()


def _ask(question: dict[str, Any], takes_seconds: float) -> dict[str, Any]:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(ANSWER_SECONDS + takes_seconds)
            line.connect(str(socket_path()))
            line.sendall(json.dumps(question).encode() + b"\n")
            with line.makefile("rb") as answers:
                text = answers.readline()
    except OSError:
        raise CommandError("No server is running on this data directory (./run starts it).") from None
    if not text:
        raise CommandError("The server gave no answer; its log says why.")
    answer: dict[str, Any] = json.loads(text)
    return answer


def _time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%H:%M:%S.%f")[:-3] + "Z"


def _said(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)

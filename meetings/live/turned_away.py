"""What hosts inside are told about tries that were turned away: how many, with which link, and which is spreading."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from meetings import triedwords
from meetings.arrivals import Seen
from meetings.attempts import Attempt, Attempts
from meetings.live import views
from meetings.live.room import Room
from meetings.models import Meeting, Occurrence
from meetings.services import turned_away
from meetings.services.turned_away import Line
from meetings.visitors import Visitor

if TYPE_CHECKING:
    from meetings.live.office import Live


class TurnedAway:
    """Of one `Live`. Requests only note in memory; writing and telling is done by the clockwork."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.attempts = Attempts()

    def note(self, seen: Seen, visitor: Visitor) -> None:
        """The door's answer to somebody: a no is kept for hosts, anything else forgives what it said before."""
        if seen.tried is not None:
            self.attempts.note(seen.tried, visitor.address, visitor.network, datetime.now(UTC))
        elif seen.occurrence is not None and seen.outcome != "refuse":
            invitation = str(seen.invitation.pk) if seen.invitation is not None else ""
            self.attempts.forgive(str(seen.occurrence.pk), visitor.address, invitation)
        elif seen.occurrence is not None and seen.decision.reason == "link_in_use" and seen.invitation is not None:
            second = Attempt(str(seen.occurrence.pk), "personal", str(seen.invitation.pk), "link_in_use", True)
            self.attempts.note(second, visitor.address, visitor.network, datetime.now(UTC))

    def note_link(self, attempt: Attempt, visitor: Visitor) -> None:
        """A personal link that opens nothing any more was fetched."""
        self.attempts.note(attempt, visitor.address, visitor.network, datetime.now(UTC))

    async def tick(self) -> None:
        """Writes down what stayed turned away, and tells hosts inside. Hosts who have just come are told what was."""
        await self.store(everything=False)
        for room in list(self.live.rooms.values()):
            if room.turned_away is None and room.hosts():
                await self._tell(room)

    async def store(self, *, everything: bool) -> None:
        """`everything`: also what is still held back, because the process stops."""
        turned = self.attempts.everything() if everything else self.attempts.due(datetime.now(UTC))
        if not turned:
            return
        await self.live.database(turned_away.store, turned, datetime.now(UTC))
        for occurrence_id in {one.attempt.occurrence for one in turned}:
            room = self.live.rooms.get(occurrence_id)
            if room is not None:
                await self._tell(room)

    async def _tell(self, room: Room) -> None:
        room.turned_away = await self.live.database(_message, room.id)
        for seat in room.hosts():
            if room.turned_away["tries"]:
                seat.tell(room.turned_away)


def _message(occurrence_id: str) -> dict[str, Any]:
    """The `turned_away` message of docs/protocol.md. Runs in a database thread."""
    occurrence = Occurrence.objects.select_related("meeting").get(pk=occurrence_id)
    return {
        "type": "turned_away",
        "tries": [_line(occurrence.meeting, line) for line in turned_away.report(occurrence)],
        "history": triedwords.history_path(occurrence.meeting),
    }


def _line(meeting: Meeting, line: Line) -> dict[str, Any]:
    return {
        "link": line.link.kind or None,
        "name": line.link.name or None,
        "count": line.count,
        "networks": line.networks,
        "at": views.time(line.last_at),
        "warned_at": views.time(line.warned_at),
        "replace": triedwords.replace_path(meeting, line.link) or None,
    }

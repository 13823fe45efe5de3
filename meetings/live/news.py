"""What a room's sockets are told: differences to those who know the rest, everything to newcomers.

Remembers what was said last and changes nothing in the room. Who may see what is decided in `views`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from meetings.live import views
from meetings.live.facts import MeetingFacts
from meetings.live.seats import Seat

if TYPE_CHECKING:
    from meetings.live.room import Room

Json = dict[str, Any]
Cautions = Mapping[str, list[str]]
"""What hosts should know about each, by id."""


class News:
    """What the people of one room know. `changed_by`: the host whom the next `meeting` message names."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.changed_by: str | None = None
        self._people: dict[str, Json] = {}
        self._waiting: list[Json] | None = None
        self._meeting: MeetingFacts | None = None

    def forget(self, participant_id: str) -> None:
        """Who comes again is told to everybody anew."""
        self._people.pop(participant_id, None)

    def forget_everybody(self) -> None:
        self._people.clear()

    def tell_changes(self, *, answered: Json | None = None) -> None:
        """Sends everybody what has changed for them since they were told last, and newcomers everything."""
        room = self.room
        if room.meeting is None or room.is_over:
            return
        cautions = room.cautions()
        people = {seat.id: views.person(seat, cautions[seat.id]) for seat in room.inside()}
        changed = [pid for pid, view in people.items() if self._people.get(pid) != view]
        waiting = self._waiting_views(cautions)
        queue_changed = answered is not None or waiting != self._waiting
        meeting_changed = self._meeting is not None and self._meeting != room.meeting
        by = self.changed_by
        if meeting_changed:
            self.changed_by = None
        self._people, self._waiting, self._meeting = people, waiting, room.meeting
        for seat in list(room.seats.values()):
            if seat.connection is None or seat.id in room.expelled:
                continue
            self._tell_asked(seat)
            if not seat.inside:
                self._tell_door(seat)
            elif not seat.told_room:
                self._tell_capabilities(seat, by)
                self._tell_room(seat, waiting, cautions)
            else:
                self._tell_differences(seat, changed, cautions, meeting_changed, by)
                self._tell_without_link(seat)
                if queue_changed and seat.is_host:
                    seat.tell({"type": "waiting", "waiting": waiting, "answered": answered})

    def _tell_asked(self, seat: Seat) -> None:
        """Asks whoever uses a personal link whether another device may take it over."""
        if seat.person.asked != seat.told_asked:
            seat.told_asked = seat.person.asked
            seat.tell(views.asked(seat.person.asked))

    def _tell_door(self, seat: Seat) -> None:
        if seat.wait is None or self.room.meeting is None:
            return
        room = self.room
        view = views.door(seat, self.room.meeting, host_here=room.host_inside, inside=len(room.inside()))
        if view != seat.told_door:
            seat.told_door = view
            seat.tell(view)

    def _tell_room(self, seat: Seat, waiting: list[Json], cautions: Cautions) -> None:
        seat.told_room = True
        seat.told_capabilities = seat.capabilities
        if self.room.meeting is not None:
            seat.tell(views.room(seat, self.room.meeting, self.room.inside(), waiting, cautions))
        if seat.is_host and self.room.turned_away is not None and self.room.turned_away["tries"]:
            seat.tell(self.room.turned_away)
        self._tell_without_link(seat)

    def _tell_without_link(self, seat: Seat) -> None:
        """Tells hosts whose only link ended with the role of another host."""
        room = self.room
        if seat.is_host and room.meeting is not None and seat.told_without_link != room.without_link:
            seat.told_without_link = room.without_link
            seat.tell({"type": "without_link", "guests": list(room.without_link), "page": room.meeting.page})

    def _tell_differences(
        self, seat: Seat, changed: Iterable[str], cautions: Cautions, meeting_changed: bool, by: str | None
    ) -> None:
        if meeting_changed and self.room.meeting is not None:
            seat.tell({"type": "meeting", "meeting": views.meeting(self.room.meeting), "by": by})
        self._tell_capabilities(seat, by)
        for pid in changed:
            person = views.person(self.room.seats[pid], cautions[pid] if seat.is_host else None)
            seat.tell({"type": "person", "person": person})

    @staticmethod
    def _tell_capabilities(seat: Seat, by: str | None) -> None:
        """Who was inside before hears by whom it changed, also when everything is told anew because they host now."""
        if seat.told_capabilities not in (None, seat.capabilities):
            seat.told_capabilities = seat.capabilities
            seat.tell({"type": "capabilities", "capabilities": views.capabilities(seat.capabilities), "by": by})

    def _waiting_views(self, cautions: Cautions) -> list[Json]:
        waiting = sorted((seat for seat in self.room.waiting() if seat.waits_for_hosts), key=Seat.turn)
        return [views.waiting(seat, cautions[seat.id]) for seat in waiting]

    def tell_inside(self, message: Mapping[str, Any]) -> None:
        """Sends one message to everybody who is inside now."""
        for seat in self.room.inside():
            if seat.id not in self.room.expelled:
                seat.tell(message)

"""The encrypted group of one room: connects its seats to the delivery service, and gives that a clock.

Says who is inside, passes messages on, and lets nobody be told anything who is not. Reads no content.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from meetings.e2ee.delivery import Delivery, NotNow, Outbox
from meetings.live.seats import Seat
from meetings.signaling.protocol import Message, ProtocolError

if TYPE_CHECKING:
    from meetings.live.room import Room

Json = dict[str, Any]


class Group:
    """`follow` after every change of the room: whoever is no longer inside loses their leaf."""

    def __init__(self, room: Room, clock: Callable[[], float]) -> None:
        self.room = room
        self.clock = clock
        self.delivery = Delivery()
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Group of {self.room.id}: {self.delivery!r}>"

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def follow(self) -> None:
        """Tells the delivery service who is inside now, and with an open socket."""
        room = self.room
        inside = {seat.id: seat.connection is not None for seat in room.inside() if seat.id not in room.expelled}
        if room.files is not None:
            room.files.keep_unfinished_of(inside)
        self._pass_on(self.delivery.present(inside, self.clock()))

    def say(self, seat: Seat, message: Message) -> Json | None:
        """Does what one member's message asks for. Raises `ProtocolError("conflict")` where it comes too late."""
        try:
            return self._SAID[message.type](self, seat, message)
        except NotNow as late:
            raise ProtocolError("conflict", str(late)) from None

    def take_word(self, participant: str, word: str) -> None:
        """A host's word for somebody, for whoever adds them."""
        self._pass_on(self.delivery.word(participant, word, self.clock()))

    def forget_word(self, participant: str) -> None:
        """They were removed: what a host said before holds no longer."""
        self.delivery.words.pop(participant, None)

    # One per message

    def _hello(self, seat: Seat, message: Message) -> None:
        if message["version"] != 1:
            raise ProtocolError("bad_field", "version: this server knows 1", field="version")
        if seat.word:
            self.delivery.words[seat.id] = seat.word
        self._pass_on(self.delivery.hello(seat.id, message["key_package"], self.clock()))

    def _created(self, seat: Seat, message: Message) -> None:
        self._pass_on(self.delivery.created(seat.id, message["group"], self.clock()))

    def _commit(self, seat: Seat, message: Message) -> None:
        outbox = self.delivery.commit(
            seat.id, message["group"], message["epoch"], message["commit"], message["welcome"],
            _offers(message["add"]), message["remove"], self.clock(),
        )  # fmt: skip
        self._pass_on(outbox)

    def _decline(self, seat: Seat, message: Message) -> None:
        offers = _offers(message["offers"])
        self._pass_on(self.delivery.decline(seat.id, offers, more=message["more"], now=self.clock()))

    def _applied(self, seat: Seat, message: Message) -> None:
        self._pass_on(self.delivery.applied(seat.id, message["group"], message["epoch"], self.clock()))

    def _nack(self, seat: Seat, message: Message) -> None:
        self._pass_on(self.delivery.nack(seat.id, message["group"], message["epoch"], self.clock()))

    def _resume(self, seat: Seat, message: Message) -> None:
        self._pass_on(self.delivery.resume(seat.id, message["group"], message["seq"], self.clock()))

    def _app(self, seat: Seat, message: Message) -> Json:
        seq, outbox = self.delivery.message(
            seat.id, message["group"], message["epoch"], message["class"], message["message"], self.clock()
        )
        self._pass_on(outbox)
        return {"seq": seq}

    _SAID: dict[str, Callable[[Group, Seat, Message], Json | None]] = {
        "e2ee.hello": _hello,
        "e2ee.created": _created,
        "e2ee.commit": _commit,
        "e2ee.decline": _decline,
        "e2ee.applied": _applied,
        "e2ee.nack": _nack,
        "e2ee.resume": _resume,
        "e2ee.app": _app,
    }

    # Telling, and the time

    def _pass_on(self, outbox: Outbox) -> None:
        room = self.room
        for participant, message in outbox:
            seat = room.seats.get(participant)
            if seat is not None and seat.inside and participant not in room.expelled:
                seat.tell(message)
        self._tell_held()
        self._set_timer()

    def _tell_held(self) -> None:
        """Hosts are told who waits for a word of theirs."""
        held = self.delivery.held
        for seat in self.room.hosts():
            if seat.told_room and seat.told_held != held:
                seat.told_held = held
                seat.tell({"type": "e2ee.held", "held": sorted(held)})

    def _set_timer(self) -> None:
        self.close()
        due = self.delivery.next_at()
        if due is not None and not self.room.is_over:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - self.clock()), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if not self.room.is_over:
            self._pass_on(self.delivery.tick(self.clock()))


def _offers(entries: tuple[Json, ...]) -> list[tuple[str, int]]:
    return [(entry["participant"], entry["offer"]) for entry in entries]

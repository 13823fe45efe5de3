"""The socket: takes text frames in, lets `live` act, writes answers out. Decides nothing about who may do what."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from meetings import budgets
from meetings.live import Live, act
from meetings.live.seats import Seat
from meetings.network import source_of
from meetings.signaling import protocol
from meetings.signaling.protocol import Close, Message, ProtocolError
from meetings.signaling.rates import Bucket
from meetings.tickets import Bearer
from meetings.visitors import Visitor, address_of, visitor_of_scope
from meetings.wire import Wire

log = logging.getLogger("lintel.socket")

HELLO_SECONDS = 5.0
MOST_OVER_RATE = 200

CLOSE_AFTER = {"busy": Close.TOO_MANY, "wrong_state": Close.ENDED, "try_again": Close.RESTART}


class RoomConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One socket. Channels runs the handlers of one consumer one after the other, so messages are done in order."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        self.wire = Wire(self._send_text, self._close)
        self.bearer: Bearer | None = None
        self.seat: Seat | None = None
        self.messages = Bucket(budgets.MESSAGES.rate, live.clock())
        self.strikes = Bucket(budgets.STRIKES.rate, live.clock())
        self.over_rate = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Not in `disconnect`: the server cancels whoever is too slow in the middle of a message, and then nothing
            # is dispatched any more.
            self._let_go()

    def _let_go(self) -> None:
        self.live.sockets.count_out(self.wire)
        if self.bearer is not None:
            self.live.lose_socket(self.bearer.occurrence_id, self.bearer.participant_id, self.wire)
        for task in self.tasks:
            task.cancel()

    async def _send_text(self, frame: str) -> None:
        await self.send(text_data=frame)

    async def _close(self, code: int) -> None:
        await self.close(code=code)

    async def connect(self) -> None:
        await self.accept()
        self.tasks.append(asyncio.create_task(self.wire.run()))
        if self.live.count_in(self.wire, source_of(address_of(self.scope))):
            self.tasks.append(asyncio.create_task(self._expect_hello()))
        else:
            self.wire.close(Close.TOO_MANY)

    async def _expect_hello(self) -> None:
        await asyncio.sleep(HELLO_SECONDS)
        if self.bearer is None:
            self.wire.close(Close.NO_HELLO)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.wire.close_code is not None:
            return  # what was sent before our close arrived is not acted upon
        if text_data is None:
            self.wire.close(Close.NOT_THIS_PROTOCOL)
        elif len(text_data.encode()) > self._most_bytes():
            self.wire.close(Close.TOO_LARGE)
        else:
            await self._take(text_data)

    def _most_bytes(self) -> int:
        may_be_large = self.seat is not None and self.seat.inside
        return protocol.MAX_LARGE_FRAME_BYTES if may_be_large else protocol.MAX_FRAME_BYTES

    async def _take(self, frame: str) -> None:
        message_id = None
        try:
            self._count()
            message = protocol.decode(frame)
            message_id = message.id
            answer = await self._do(message)
        except protocol.FrameTooLarge:
            self.wire.close(Close.TOO_LARGE)
        except ProtocolError as error:
            error.message_id = error.message_id or message_id
            self._refuse(error)
        except Exception as error:
            log.error("socket of %s: %s", self.seat.id if self.seat else "-", type(error).__name__, exc_info=True)
            self._refuse(ProtocolError("try_again", "something went wrong here", message_id=message_id))
        else:
            if message_id is not None:
                self.wire.tell(protocol.ok(message_id, **(answer or {})))

    def _count(self) -> None:
        if self.messages.take(self.live.clock()):
            return
        self.over_rate += 1
        if self.over_rate >= MOST_OVER_RATE:
            self.wire.close(Close.TOO_MANY)
        raise ProtocolError("too_many", "at most 20 messages a second")

    def _refuse(self, error: ProtocolError) -> None:
        self.wire.tell(protocol.error(error))
        if error.is_strike and not self.strikes.take(self.live.clock()):
            self.wire.close(Close.NOT_THIS_PROTOCOL)

    async def _do(self, message: Message) -> Any:
        if self.seat is None or self.bearer is None:
            return await self._hello(message)
        return await act(self.live, self.seat, self.bearer.occurrence_id, message)

    async def _hello(self, message: Message) -> None:
        if message.type != "hello" or message["protocol"] != protocol.PROTOCOL_VERSION:
            self.wire.close(Close.NOT_THIS_PROTOCOL)
            raise ProtocolError("bad_type", "the first message is hello, protocol 1")
        visitor: Visitor = await visitor_of_scope(self.scope)
        self.bearer = self.live.tickets.redeem(
            message["ticket"], user_id=visitor.user_id, session_key=visitor.session_key, browser=visitor.browser
        )
        if self.bearer is None:
            self.wire.close(Close.TICKET)
            return
        self.live.sockets.said_hello(self.wire)
        try:
            self.seat = await self.live.enter(self.bearer, self.wire)
        except ProtocolError as error:
            self.wire.close(CLOSE_AFTER.get(error.code, Close.REFUSED))
            raise
        except Exception:
            self.wire.close(Close.RESTART)
            raise

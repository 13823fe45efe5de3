"""Asking back: whether what is sent to an address reaches the peer in whose name a binding request has come from there.

Who has a transport's password can forge the sender of a request, and have media sent to somebody who never wanted any.
So an address to which a transport would move is sent a binding request of ours first (RFC 8445, section 7.2.2), no
longer than what came from there, and nothing else before its answer has come. Knows no sockets. Pure.
"""

import os
import struct
from dataclasses import dataclass
from typing import Generic, TypeVar

from media_engine import stun
from media_engine.datagrams import Address

_WAIT_SECONDS = 5.0
_MOST_AT_ONCE = 4
"""Addresses of one transport."""
_PRIORITY = struct.pack("!I", (110 << 24) | (65535 << 8) | 255)
"""Of a peer-reflexive candidate (RFC 8445, section 5.1.2.1): what it would be, were we to have one."""

Owner = TypeVar("Owner")


@dataclass(slots=True)
class ReturnCheck(Generic[Owner]):
    """One address that was asked: what it was sent, and the latest `request` that has come from there."""

    owner: Owner
    address: Address
    username: str
    password: bytes
    request: stun.StunMessage
    began_at: float
    transaction: bytes
    datagram: bytes


class ReturnChecks(Generic[Owner]):
    """Those to which no answer has come yet, of all transports."""

    def __init__(self) -> None:
        self._by_transaction: dict[bytes, ReturnCheck[Owner]] = {}

    def __len__(self) -> int:
        return len(self._by_transaction)

    def begin(
        self, owner: Owner, address: Address, request: stun.StunMessage, password: bytes, now: float
    ) -> ReturnCheck[Owner]:
        """What to send to `address`, from where an authenticated `request` has come; `password` is the peer's.

        Asked again it is the same, so that an answer to either counts.
        """
        local, _, remote = request.username.partition(":")
        username = f"{remote}:{local}"
        theirs = [check for check in self._by_transaction.values() if check.owner is owner]
        for check in theirs:
            if check.address == address and check.username == username:
                check.request = request
                return check
        for check in theirs[: max(0, len(theirs) - _MOST_AT_ONCE + 1)]:
            self.end(check)
        transaction = os.urandom(12)
        attributes = [
            (stun.USERNAME, username.encode()),
            (stun.PRIORITY, _PRIORITY),
            (stun.ICE_CONTROLLED, os.urandom(8)),
        ]
        datagram = stun.encode(stun.BINDING_REQUEST, transaction, attributes, password)
        check = ReturnCheck(owner, address, username, password, request, now, transaction, datagram)
        self._by_transaction[transaction] = check
        return check

    def find(self, datagram: bytes, message: stun.StunMessage, address: Address) -> ReturnCheck[Owner] | None:
        """The check to which this is the answer: of whom was asked, from where was asked, with the password."""
        check = self._by_transaction.get(message.transaction)
        if check is None or check.address != address:
            return None
        return check if stun.integrity_holds(datagram, message, check.password) else None

    def end(self, check: ReturnCheck[Owner]) -> None:
        """Nothing more is expected of it."""
        self._by_transaction.pop(check.transaction, None)

    def forget(self, owner: Owner) -> None:
        """A transport is gone."""
        for check in [check for check in self._by_transaction.values() if check.owner is owner]:
            self.end(check)

    def expire(self, now: float) -> None:
        """Forget whom nobody answers."""
        if not self._by_transaction:  # nearly always
            return
        for check in [check for check in self._by_transaction.values() if now - check.began_at > _WAIT_SECONDS]:
            self.end(check)

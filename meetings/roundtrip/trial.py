"""Tries an authorization service with one question about nobody, so that whoever sets it sees the whole exchange."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from typing import Final

from django.conf import settings

from meetings.outgoing.client import Outgoing
from meetings.roundtrip import asking
from meetings.roundtrip.asking import AskedService, Exchange
from meetings.roundtrip.protocol import ROOM_TRACK, Ask, room_password, stream_id
from meetings.threads import waiting

NOBODY: Final = str(uuid.UUID(int=0))
"""The room and the participant of a trial: no real one has this id, and services can tell by it."""

TYPES: Final = ("subscriber", "publisher")


def question(service: AskedService, *, kind: str = "subscriber", username: str = "", token: str = "") -> Ask:
    """What is asked in a trial. `username` "": a made-up one."""
    username = username or "trial-0000000000000000"
    return Ask(
        type=kind,
        username=username,
        password=room_password(service.secrets[0] if service.secrets else "", NOBODY, username),
        stream_id=stream_id(NOBODY, NOBODY, "camera" if kind == "publisher" else ROOM_TRACK),
        token=token,
        room=NOBODY,
        participant=NOBODY,
        request_id=secrets.token_urlsafe(12),
        node_id=settings.LINTEL.node_id,
        client_network="192.0.2.0/24",
        issued_at=int(time.time()),
    )


def run(service: AskedService, ask: Ask) -> Exchange:
    """Asks, and waits for the answer at most as long as live meetings do. Call it in a thread without a loop."""
    with waiting():
        return asyncio.run(_run(service, ask))


async def _run(service: AskedService, ask: Ask) -> Exchange:
    outgoing = Outgoing()
    try:
        return await asking.validate(outgoing, service, ask)
    finally:
        await outgoing.aclose()

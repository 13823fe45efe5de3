"""A portal that writes down everything a server can read: what it forwards of media, and every text of a socket.

For tests only, started in place of `manage.py serve`. The tap sits behind the decryption of the transports, where
somebody who controls the server would put theirs. `tests/support/tap.py` reads what it writes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.tap import ENTRY, MEDIA_FILE, TEXT_FILE


def tap_media(path: Path) -> None:
    from media_engine.publish import PublishLink

    real = PublishLink._canonical
    out = path.open("ab", buffering=0)

    def tapped(self: Any, view: Any, track: Any, sequence: int, header: Any, now: float) -> Any:
        packet = real(self, view, track, sequence, header, now)
        payload = packet.data[packet.payload_start :]
        name = f"{self.peer_id} {track.key[1].value} {track.rid}".encode()
        numbers = (time.time(), header.marker, sequence, header.timestamp)
        out.write(ENTRY.pack(len(name), len(payload), *numbers) + name + payload)
        return packet

    PublishLink._canonical = tapped  # type: ignore[method-assign]


def tap_texts(path: Path) -> None:
    from meetings.consumers import RoomConsumer

    receive, send = RoomConsumer.receive, RoomConsumer._send_text
    out = path.open("a", buffering=1)

    async def received(self: Any, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        out.write(f"{text_data}\n")
        await receive(self, text_data, bytes_data)

    async def sent(self: Any, frame: str) -> None:
        out.write(f"{frame}\n")
        await send(self, frame)

    RoomConsumer.receive = received
    RoomConsumer._send_text = sent


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from portal.loop import use_uvloop

    use_uvloop()
    import django

    django.setup()
    place = Path(os.environ["LINTEL_DATA_DIR"])
    tap_media(place / MEDIA_FILE)
    tap_texts(place / TEXT_FILE)
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "serve"])


if __name__ == "__main__":
    sys.exit(main())

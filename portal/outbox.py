"""Mail without a mail server: each message becomes a file in the data directory. The log names the file only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

log = structlog.get_logger("lintel.mail")


class OutboxBackend(BaseEmailBackend):
    """Writes `data/outbox/<time>-<random>.eml`, readable by the owner alone; complete or absent, never half."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        outbox = Path(settings.LINTEL.data_dir) / "outbox"
        outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}.eml"
            draft = outbox / f".{name}"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(message.message().as_bytes(linesep="\r\n"))
                file.flush()
                os.fsync(file.fileno())
            draft.rename(outbox / name)
            log.info("mail written", file=f"outbox/{name}")
        return len(email_messages)

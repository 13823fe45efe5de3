"""Tokens of devices: made and taken back by hosts, looked up when a device comes.

A token exists in plain text only in the answer of `make`. It ends with the occurrence that it is for.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes, codes
from meetings.devices.models import RoomDevice
from meetings.door import Refuse
from meetings.models import Encryption, Occurrence, Participant
from meetings.selectors import takes_place_no_more
from meetings.services import door as door_services
from meetings.services.errors import Wrong
from meetings.services.roles import require_host_of
from meetings.text import clean_line

MOST_DEVICES = 20
"""At once, of one occurrence."""
MOST_EVER = 200
NAME_LENGTH = 60
PREFIX = "ldev_"
MOST_TOKEN = 100


@dataclass(frozen=True)
class Made:
    """A device and its token, which is shown this once."""

    device: RoomDevice
    token: str


def make(
    by: Any, occurrence: Occurrence, name: str, *, may_publish: bool, may_watch: bool, is_screen: bool = False
) -> Made:
    """Make a token for a device. Raises `NotAHost`, or `Wrong`: `encrypted_room` where the server may not read what is
    said, `over` where nothing takes place any more, and for names and rights that make no device.
    """
    with transaction.atomic():
        account = require_host_of(by, occurrence.meeting)
        locked = Occurrence.objects.select_for_update(of=("self",)).select_related("meeting").get(pk=occurrence.pk)
        if locked.meeting.encryption != Encryption.TRANSPORT:
            told = _("This meeting is end-to-end encrypted: a device that has no part in the encryption can’t join it.")
            raise Wrong("meeting", "encrypted_room", told)
        if takes_place_no_more(locked, timezone.now()):
            raise Wrong("meeting", "over", _("This meeting takes place no more."))
        called = clean_line(name, NAME_LENGTH)
        if not called:
            raise Wrong("name", "empty", _("Give the device a name."))
        if not (may_publish or may_watch):
            raise Wrong("rights", "none", _("Choose whether it sends, watches, or both."))
        devices = locked.room_devices
        if devices.filter(revoked_at=None).count() >= MOST_DEVICES or devices.count() >= MOST_EVER:
            raise Wrong("name", "too_many", _("At most %(count)d devices.") % {"count": MOST_DEVICES})
        token = PREFIX + secrets.token_urlsafe(32)
        device = RoomDevice.objects.create(
            occurrence=locked,
            name=called,
            digest=codes.digest(token),
            may_publish=may_publish,
            may_watch=may_watch,
            is_screen=is_screen,
            created_by=account,
        )
        _write("device.made", device, account, publish=may_publish, watch=may_watch, screen=is_screen)
    return Made(device, token)


def take_back(by: Any, device: RoomDevice) -> RoomDevice:
    """The token opens nothing any more, and the device is out. Twice is no error. Raises `NotAHost`."""
    with transaction.atomic():
        account = require_host_of(by, device.occurrence.meeting)
        # As everywhere: the occurrence first, then what hangs on it.
        Occurrence.objects.select_for_update(of=("self",)).get(pk=device.occurrence_id)
        device.refresh_from_db()
        if device.revoked_at is None:
            device.revoked_at = timezone.now()
            device.save(update_fields=["revoked_at"])
            _write("device.taken_back", device, account)
            seats = Participant.objects.filter(room_device=device)
            for seat in seats.filter(state__in=(Participant.State.INSIDE, Participant.State.WAITING)):
                door_services.put_out(seat, Refuse("revoked", unknown=True))
            changes.touch(device.occurrence_id)
    return device


def of_token(token: str, meeting_id: UUID, now: datetime) -> RoomDevice | None:
    """The device that this token is of, in this meeting; None for every token that opens nothing here now."""
    if not token.startswith(PREFIX) or len(token) > MOST_TOKEN:
        return None
    found = RoomDevice.objects.filter(
        digest=codes.digest(token), revoked_at=None, occurrence__meeting=meeting_id
    ).select_related("occurrence__meeting", "created_by")
    device = found.first()
    return None if device is None or takes_place_no_more(device.occurrence, now) else device


def _write(kind: str, device: RoomDevice, by: Any, **facts: Any) -> None:
    audit.record(kind, actor=by, occurrence=device.occurrence, target=device.name, device=device.pk, **facts)

"""Devices of one meeting: make a token, list, take back. Hosts only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from ninja import Router

from meetings.devices import services
from meetings.devices.models import RoomDevice
from meetings.services.errors import Wrong
from meetings.services.invitations import public_url
from portal.api import access
from portal.api.invitations import HOSTS_ONLY, must_be_open
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, moment, position
from portal.api.problems import Problem
from portal.api.schemas.devices import DeviceIn, DeviceMade, DeviceOut, Devices

router = Router()
TAG: Final = "Devices"


@operation(router, "GET", "/meetings/{meeting_id}/devices", scope="read", answer=Devices, problems=HOSTS_ONLY, tag=TAG)
def list_devices(
    request: HttpRequest, meeting_id: UUID, page: PageQuery, occurrence_id: UUID | None = None
) -> dict[str, Any]:
    """Which devices have a token

    Of the current occurrence, or the one that is named; those whose token was taken back too. Tokens are not shown
    again.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    rows = access.occurrence_named(seen, occurrence_id).room_devices.order_by("created_at", "pk")
    after = position(page.cursor, moment, UUID)
    if after is not None:
        rows = rows.filter(Q(created_at__gt=after[0]) | Q(created_at=after[0], pk__gt=after[1]))
    found, following = cut(rows[: page.limit + 1], page.limit, lambda one: (one.created_at.isoformat(), one.pk))
    return {"items": [shown(one) for one in found], "next": following}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/devices",
    scope="write",
    answer=DeviceMade,
    status=201,
    problems=(*HOSTS_ONLY, "wrong_state", "encrypted_room"),
    tag=TAG,
)
def make_device(request: HttpRequest, meeting_id: UUID, data: DeviceIn) -> dict[str, Any]:
    """Make a token for a device

    For an encoder or a room system that speaks WHIP or WHEP. The token ends with the meeting; at most 20 devices at
    once. A meeting that is end-to-end encrypted takes no device.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    hosted = access.hosted_by(user, meeting_id)
    seen = replace(hosted, occurrence=access.occurrence_named(hosted, data.occurrence_id))
    must_be_open(seen)
    try:
        made = services.make(
            user,
            seen.occurrence,
            data.name,
            may_publish=data.publish,
            may_watch=data.watch,
            is_screen=data.picture == "screen",
        )
    except Wrong as wrong:
        code = {"encrypted_room": "encrypted_room", "over": "wrong_state", "too_many": "wrong_state"}.get(wrong.code)
        if code is None:
            raise
        raise Problem(code, wrong.message) from None
    return {
        **shown(made.device),
        "token": made.token,
        "whip_url": public_url() + reverse("whip", args=[seen.meeting.pk]) if data.publish else None,
        "whep_url": public_url() + reverse("whep", args=[seen.meeting.pk]) if data.watch else None,
    }


@operation(
    router,
    "DELETE",
    "/meetings/{meeting_id}/devices/{device_id}",
    scope="write",
    answer=DeviceOut,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def take_back_device(request: HttpRequest, meeting_id: UUID, device_id: UUID) -> dict[str, Any]:
    """Take the token of a device back

    It opens nothing from then on, and a device that is inside is out. Twice is no error.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    devices = RoomDevice.objects.select_related("occurrence__meeting")
    device = devices.filter(pk=device_id, occurrence__meeting=seen.meeting).first()
    if device is None:
        raise Problem("not_found")
    return shown(services.take_back(user, device))


def shown(device: RoomDevice) -> dict[str, Any]:
    return {
        "id": device.pk,
        "occurrence_id": device.occurrence_id,
        "name": device.name,
        "publish": device.may_publish,
        "watch": device.may_watch,
        "picture": "screen" if device.is_screen else "camera",
        "created_at": device.created_at,
        "revoked_at": device.revoked_at,
    }

"""Devices of a meeting: a host makes a token, sees it once, takes it back. Hosts only; works without scripts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from meetings import listing
from meetings.devices import services
from meetings.devices.models import RoomDevice
from meetings.doorfields import text_input
from meetings.models import Encryption, Meeting, Occurrence, Participant
from meetings.selectors import takes_place_no_more
from meetings.services.errors import Wrong
from meetings.services.invitations import public_url
from meetings.views.access import for_hosts, hosted_meeting
from meetings.views.moments import short_moment


class DeviceForm(forms.Form):
    """A new device: what it is called, and what it may do."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=services.NAME_LENGTH,
        widget=text_input(),
        error_messages={"required": gettext_lazy("Give the device a name.")},
    )
    rights = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=(("publish", gettext_lazy("Send sound and picture")), ("watch", gettext_lazy("Watch and listen"))),
        widget=forms.CheckboxSelectMultiple,
        initial=["publish"],
        error_messages={"required": gettext_lazy("Choose whether it sends, watches, or both.")},
    )

    picture = forms.ChoiceField(
        label=gettext_lazy("The picture that it sends is"),
        choices=(("camera", gettext_lazy("A camera")), ("screen", gettext_lazy("A shared screen, such as slides"))),
        widget=forms.RadioSelect,
        initial="camera",
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose a camera or a shared screen.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)


def told(found: Meeting, occurrence: Occurrence) -> dict[str, Any]:
    """What the meeting's page says about devices: nothing where there can be none."""
    if found.encryption != Encryption.TRANSPORT:
        return {}
    count = occurrence.room_devices.filter(revoked_at=None).count()
    said = ngettext("%(count)d device may join.", "%(count)d devices may join.", count) % {"count": count}
    return {"devices_said": said if count else _("None may join.")}


@for_hosts
@require_http_methods(["GET", "HEAD", "POST"])
def devices(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """All devices that have had a token, and the form for another."""
    found = hosted_meeting(request.user, meeting_id)
    if request.method != "POST":
        return _page(request, found, DeviceForm())
    form = DeviceForm(request.POST)
    made = None
    if form.is_valid():
        rights = form.cleaned_data["rights"]
        occurrence = listing.current(found)
        try:
            made = services.make(
                request.user,
                occurrence,
                form.cleaned_data["name"],
                may_publish="publish" in rights,
                may_watch="watch" in rights,
                is_screen=form.cleaned_data["picture"] == "screen",
            )
        except Wrong as wrong:
            form.add_error(wrong.field if wrong.field in form.fields else None, wrong.message)
    return _page(request, found, DeviceForm() if made is not None else form, made)


def _page(request: HttpRequest, found: Meeting, form: DeviceForm, made: services.Made | None = None) -> HttpResponse:
    occurrence = listing.current(found)
    now = timezone.now()
    inside = set(
        Participant.objects.filter(occurrence=occurrence, state=Participant.State.INSIDE)
        .exclude(room_device=None)
        .values_list("room_device", flat=True)
    )
    rows = occurrence.room_devices.select_related("created_by").order_by(
        F("revoked_at").asc(nulls_first=True), "created_at"
    )
    context = {
        "here": "meetings",
        "meeting": found,
        "back": reverse("meetings:meeting", args=[found.pk]),
        "encrypted": found.encryption != Encryption.TRANSPORT,
        "open": not takes_place_no_more(occurrence, now),
        "rows": [_row(device, device.pk in inside, now) for device in rows],
        "form": form,
        "made": made,
        "urls": _urls(found),
    }
    return render(request, "meetings/devices.html", context, status=422 if form.errors else 200)


def _urls(found: Meeting) -> dict[str, str]:
    return {name: public_url() + reverse(name, args=[found.pk]) for name in ("whip", "whep")}


def _row(device: RoomDevice, inside: bool, now: Any) -> dict[str, Any]:
    if not device.may_publish:
        does = _("Watches")
    elif device.is_screen:
        does = _("Shares a screen and watches") if device.may_watch else _("Shares a screen")
    else:
        does = _("Sends and watches") if device.may_watch else _("Sends")
    by = device.created_by.name if device.created_by is not None else ""
    when = short_moment(device.created_at, now, inline=True)
    about = _("%(does)s · added %(when)s") % {"does": does, "when": when}
    if by:
        about = _("%(does)s · added by %(name)s %(when)s") % {"does": does, "name": by, "when": when}
    return {"id": device.pk, "name": device.name, "about": about, "inside": inside, "revoked": device.revoked_at}


@for_hosts
@require_http_methods(["GET", "HEAD", "POST"])
def take_back(request: HttpRequest, meeting_id: Any, device_id: Any) -> HttpResponse:
    """Asks once, then takes a token back; a device that is inside is out at once."""
    found = hosted_meeting(request.user, meeting_id)
    devices_of = RoomDevice.objects.select_related("occurrence__meeting")
    device = devices_of.filter(pk=device_id, occurrence__meeting=found).first()
    if device is None:
        raise Http404
    back = reverse("meetings:devices", args=[found.pk])
    if request.method == "POST":
        services.take_back(request.user, device)
        messages.success(request, _("The token of %(name)s is taken back.") % {"name": device.name})
        return redirect(back)
    context = {
        "here": "meetings",
        "question": _("Take back the token of %(name)s?") % {"name": device.name},
        "about": _("It opens nothing any more. If the device is in the room it is out at once."),
        "verb": _("Take back"),
        "keep": _("Keep it"),
        "back": back,
        "back_name": _("Devices"),
    }
    return render(request, "meetings/ask.html", context)

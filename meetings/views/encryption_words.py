"""How pages say what protects a meeting: the form, the meeting page and the help. Never more than is true."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from meetings.models import Encryption, Meeting
from meetings.views.words import organisation


@dataclass(frozen=True)
class Mode:
    """One way to protect a meeting. `off`: it can't be chosen any more."""

    value: str
    name: str
    about: str
    icon: str
    checked: bool = False
    off: bool = False


def mode_of(meeting: Meeting) -> Mode:
    mode = Encryption(meeting.encryption)
    return Mode(mode.value, _NAMES[mode](), _about(mode), _ICONS[mode])


def modes(chosen: str, meeting: Meeting | None) -> list[Mode]:
    """For the form, what most meetings want first. A meeting keeps the one that it began with."""
    return [
        Mode(
            mode.value,
            _NAMES[mode](),
            _about(mode),
            _ICONS[mode],
            checked=mode == (meeting.encryption if meeting is not None else chosen),
            off=meeting is not None and mode != meeting.encryption,
        )
        for mode in (Encryption.E2EE, Encryption.SEALED, Encryption.TRANSPORT)
    ]


_ICONS = {Encryption.E2EE: "shield-check", Encryption.SEALED: "key-round", Encryption.TRANSPORT: "lock"}
_NAMES = {
    Encryption.E2EE: lambda: _("End-to-end encrypted"),
    Encryption.SEALED: lambda: _("Sealed"),
    Encryption.TRANSPORT: lambda: _("Encrypted to the server"),
}


def _about(mode: Encryption) -> str:
    org = {"org": organisation()}
    return {
        Encryption.E2EE: _(
            "Keys are made on the devices in the room. %(org)s’s server forwards video, sound and chat that it can’t "
            "read. Nothing can be recorded by the server, and only browsers can join."
        )
        % org,
        Encryption.SEALED: _(
            "End-to-end encrypted, and only people with the complete link can get the keys. A host’s browser makes it, "
            "and %(org)s’s server never has it: invitations go out without it, and hosts pass it on themselves."
        )
        % org,
        Encryption.TRANSPORT: _(
            "Video and sound are encrypted on the way. %(org)s’s server passes them on without decoding them, but it "
            "holds the keys and could open them. Programs can join too."
        )
        % org,
    }[mode]

"""Moments as lists show them: the clock today, the weekday this week, the date before that. And icons by kind."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _


def clock(moment: datetime) -> str:
    """Hours and minutes where the reader is."""
    return date_format(timezone.localtime(moment), "H:i")


def short_moment(moment: datetime, now: datetime, *, inline: bool = False) -> str:
    """As short as still tells it apart. `inline`: inside a sentence, "today, 14:11"."""
    there, today = timezone.localtime(moment), timezone.localtime(now).date()
    day = there.date()
    if day == today:
        return _("today, %(clock)s") % {"clock": clock(moment)} if inline else clock(moment)
    if inline and day == today - timedelta(days=1):
        return _("yesterday")
    if today - day < timedelta(days=6):
        return date_format(there, "l") if inline else date_format(there, "D")
    return date_format(there, "j M" if day.year == today.year else "j M Y")


_LOOKS: dict[str, tuple[str, str]] = {
    "account": ("user", ""),
    "account.deactivated": ("user-x", "bad"),
    "account.sign_in_refused": ("shield-alert", "bad"),
    "account.signed_in": ("log-in", ""),
    "account.signed_out": ("log-out", ""),
    "account.password_changed": ("key-round", ""),
    "account.password_reset": ("key-round", ""),
    "person": ("user", ""),
    "person.erased": ("trash-2", "bad"),
    "token": ("key-round", ""),
    "device": ("video", ""),
    "device.taken_back": ("video-off", "bad"),
    "organisation": ("sliders-horizontal", ""),
    "audit": ("scroll-text", ""),
    "meeting": ("calendar", ""),
    "meeting.scheduled": ("calendar-plus", "good"),
    "meeting.cancelled": ("calendar-x", "bad"),
    "meeting.occurrence_cancelled": ("calendar-x", "bad"),
    "meeting.series_ended": ("calendar-x", "bad"),
    "meeting.started": ("video", "good"),
    "meeting.ended": ("phone-off", ""),
    "meeting.ended_empty": ("phone-off", ""),
    "invitation": ("mail", ""),
    "invitation.created": ("user-plus", ""),
    "invitation.sent": ("send", ""),
    "invitation.sent_again": ("send", ""),
    "invitation.mail_failed": ("circle-alert", "bad"),
    "invitation.link_made": ("link", ""),
    "invitation.revoked": ("user-x", "bad"),
    "invitation.restored": ("rotate-ccw", ""),
    "invitation.claimed": ("link", ""),
    "invitation.link_in_use": ("triangle-alert", "bad"),
    "invitation.move_asked": ("laptop", ""),
    "invitation.move_refused": ("laptop", "bad"),
    "invitation.moved": ("laptop", ""),
    "invitation.link_replaced": ("link", ""),
    "invitation.links_withdrawn": ("link", "bad"),
    "meeting.link_replaced": ("link", ""),
    "meeting.link_key_made": ("key-round", ""),
    "meeting.files_passed": ("paperclip", ""),
    "meeting.link_key_replaced": ("key-round", ""),
    "invitation.address_changed": ("mail", ""),
    "invitation.code_wrong": ("circle-alert", "bad"),
    "door": ("door-open", ""),
    "door.address_sent": ("mail", ""),
    "door.address_unknown": ("mail", "bad"),
    "door.address_right": ("mail", "good"),
    "door.address_wrong": ("circle-alert", "bad"),
    "door.admitted": ("door-open", "good"),
    "door.let_in": ("door-open", "good"),
    "door.entered": ("log-in", "good"),
    "door.left": ("log-out", ""),
    "door.stopped": ("log-out", ""),
    "door.waits": ("clock", ""),
    "door.knocked": ("bell", ""),
    "door.message": ("message-square", ""),
    "door.refused": ("door-closed-locked", "bad"),
    "door.tries_refused": ("door-closed-locked", "bad"),
    "door.link_tried_widely": ("shield-alert", "bad"),
    "door.refusals_counted": ("door-closed-locked", "bad"),
    "door.turned_away": ("door-closed-locked", "bad"),
    "door.blocked": ("door-closed-locked", "bad"),
    "door.removed": ("user-x", "bad"),
    "door.removed_and_blocked": ("user-x", "bad"),
    "door.put_out": ("user-x", "bad"),
    "door.moved_to_door": ("bell", ""),
    "door.rule_changed": ("sliders-horizontal", ""),
    "door.locked": ("lock", ""),
    "door.locked_by_rule": ("lock", ""),
    "door.unlocked": ("lock-open", ""),
    "host": ("mic-off", ""),
}
"""Icon and mood of a kind of audit entry; the first word of a kind stands for all that aren't listed."""


def look_of(kind: str) -> dict[str, str]:
    """Icon and mood (good, bad or none) of a kind of audit entry."""
    icon, mood = _LOOKS.get(kind) or _LOOKS.get(kind.partition(".")[0]) or ("circle-dot", "")
    return {"icon": icon, "mood": mood}

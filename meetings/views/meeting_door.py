"""The door on a meeting's page: its rows, who they stand for, and the exceptions that hosts make for single people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from meetings import directory, localtime, selectors
from meetings.door import EASE, Row, Rules, Settled, Way
from meetings.doorlimits import Limits
from meetings.foretelling import Foreteller, Foretold
from meetings.models import DoorException, Invitation, ListedTogether, Meeting, Occurrence
from meetings.services import exceptions, lists
from meetings.services.errors import Wrong
from meetings.settled import settled_by
from meetings.views import words
from meetings.views.access import for_hosts, open_meeting
from meetings.views.moments import short_moment

AS_ROW = "row"


class ExceptionForm(forms.Form):
    """One person, and what happens to them at the door; "row": what their row says."""

    person = forms.CharField(
        label=gettext_lazy("Person"),
        max_length=254,
        widget=forms.TextInput(attrs={"class": "input"}),
        error_messages={"required": gettext_lazy("Enter a name or an email address.")},
    )
    way = forms.ChoiceField(
        label=gettext_lazy("At the door"),
        choices=[(way.value, way.value) for way in Way] + [(AS_ROW, AS_ROW)],
        error_messages={"invalid_choice": gettext_lazy("Choose one of the answers.")},
    )

    def clean_person(self) -> Any:
        text = self.cleaned_data["person"]
        typed = directory.find(text)
        found = [*typed.users, *typed.emails]
        if len(found) != 1 or typed.wrong or typed.several:
            raise forms.ValidationError(
                _("“%(text)s”: enter one person’s name or email address.") % {"text": text[:80]}
            )
        return found[0]


class DoorOf:
    """What a meeting's page says about its door, read once for all the people on it."""

    def __init__(self, meeting: Meeting, occurrence: Occurrence, now: datetime) -> None:
        self.meeting, self.occurrence, self.now = meeting, occurrence, now
        self.limits: Limits = selectors.limits_now()
        self.rules: Rules = selectors.rules_of(meeting, self.limits)
        self.listed_together = list(meeting.listed_together.select_related("group", "added_by"))
        self.exceptions = list(meeting.exceptions.select_related("user", "set_by"))
        settled = settled_by(
            occurrence, self.limits, seat=None, same_person=(), blocks=(), invitation=None, exception=None
        )
        self.foreteller = Foreteller(selectors.stored_rules(meeting), self.limits, settled)

    def exception_for(self, invitation: Invitation) -> DoorException | None:
        """The exception that was made for who is invited."""
        if invitation.user_id is not None:
            return next((one for one in self.exceptions if one.user_id == invitation.user_id), None)
        return next((one for one in self.exceptions if one.email == invitation.email), None)

    def for_invited(self, row: Row, invitation: Invitation) -> dict[str, Any]:
        """The cell "At the door" of one invited person, and the menu that changes it."""
        exception = self.exception_for(invitation) if row is not Row.HOST else None
        revoked = Settled(invitation.revoked_at) if invitation.revoked_at is not None else None
        told = self.foreteller.tell(
            row,
            exception=Way(exception.way) if exception is not None else None,
            settled=revoked or self._said(exception),
            revoked=revoked is not None,
        )
        return {
            "way": told.way.value,
            "way_words": _chip(told),
            "why": told.why,
            "exception": self._about(exception),
            "choices": [] if row is Row.HOST else self._choices(row, exception),
        }

    def _choices(self, row: Row, exception: DoorException | None) -> list[dict[str, Any]]:
        usual = self.foreteller.tell(row)
        ceiling = self.limits.ceiling(row)
        now = exception.way if exception is not None else AS_ROW
        said = {"row": words.short_row_name(row), "way": _chip(usual)}
        return [
            {"value": AS_ROW, "name": _("As for %(row)s: %(way)s") % said, "off": False, "on": now == AS_ROW},
            *(
                {"value": way, "name": name, "off": EASE[Way(way)] > EASE[ceiling], "on": now == way}
                for way, _look, name in words.ways()
            ),
        ]

    def _said(self, exception: DoorException | None) -> Settled | None:
        if exception is None:
            return None
        return Settled(exception.set_at, exception.set_by.name if exception.set_by else "")

    def _about(self, exception: DoorException | None) -> str:
        if exception is None:
            return ""
        when = short_moment(exception.set_at, self.now, inline=True)
        if exception.set_by is None:
            return _("Exception, %(when)s") % {"when": when}
        return _("Exception by %(name)s, %(when)s") % {"name": exception.set_by.name, "when": when}

    def region(self) -> dict[str, Any]:
        """What the region "The door" shows."""
        rows = []
        for row in Row:
            told = self.foreteller.tell(row)
            chip = words.plural_chip(told.way, after_code=told.after_code)
            rows.append(
                {
                    "name": words.short_row_name(row),
                    "row": row.value,
                    "way": told.way.value,
                    "words": chip,
                    "why": told.why,
                }
            )
        return {
            "door": rows,
            "door_facts": self._facts(),
            "exceptions": [
                {
                    "id": one.pk,
                    "name": one.user.name if one.user else one.email,
                    "person": one.user.email if one.user else one.email,
                    "guest": one.user is None,
                    "way": one.way,
                    "about": self._about(one),
                }
                for one in self.exceptions
            ],
            "ways": words.ways(),
            "together": [
                self._together(one) for one in self.meeting.listed_together.select_related("group", "added_by")
            ],
        }

    def _together(self, listed: ListedTogether) -> dict[str, Any]:
        told = self.foreteller.tell(Row.LISTED, known_by=str(listed))
        when = short_moment(listed.added_at, self.now, inline=True)
        by = listed.added_by.name if listed.added_by is not None else _("somebody")
        return {
            "id": listed.pk,
            "name": str(listed),
            "counted": words.counted(str(listed), lists.count_of(listed)),
            "about": _("On the list by %(name)s, %(when)s") % {"name": by, "when": when},
            "way": told.way.value,
            "words": words.plural_chip(told.way),
            "why": told.why,
        }

    def _facts(self) -> list[str]:
        """When it opens, what holds without a host, when it locks, how many it takes."""
        told = [self.opens(), words.without_host(self.rules)]
        if self.rules.lock_after_minutes is not None:
            minutes = self.rules.lock_after_minutes
            told.append(
                ngettext(
                    "Locks by itself %(count)d minute after the start.",
                    "Locks by itself %(count)d minutes after the start.",
                    minutes,
                )
                % {"count": minutes}
            )
        if self.rules.capacity is not None:
            told.append(_("At most %(count)d people at once.") % {"count": self.rules.capacity})
        if self.rules.limited:
            told.append(_("Your administrator closed this door further than its hosts did."))
        return [one for one in told if one]

    def opens(self) -> str:
        if self.occurrence.ended_at is not None or self.meeting.cancelled_at is not None:
            return ""
        if self.rules.opens_minutes is None:
            return _("Open at any time.")
        opening = self.occurrence.starts_at - timedelta(minutes=self.rules.opens_minutes)
        place = localtime.ZoneInfo(self.meeting.time_zone)
        return _("Opens %(clock)s.") % {"clock": date_format(timezone.localtime(opening, place), "H:i")}


def _chip(told: Foretold) -> str:
    if told.after_code:
        return _("Knocks after a code") if told.way is Way.KNOCKS else _("Walks in after a code")
    return {Way.WALKS_IN: _("Walks in"), Way.KNOCKS: _("Knocks"), Way.TURNED_AWAY: _("Turned away")}[told.way]


@for_hosts
@require_POST
def exception(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Makes, changes or lifts the exception of one person. What can't be is said on the meeting's page."""
    from meetings.views.meeting import meeting_page

    meeting = open_meeting(request.user, meeting_id)
    form = ExceptionForm(request.POST, label_suffix="")
    if form.is_valid():
        try:
            said = _change(request.user, meeting, form.cleaned_data["person"], form.cleaned_data["way"])
        except Wrong as wrong:
            form.add_error("way" if wrong.field == "way" else "person", wrong.message)
        else:
            messages.success(request, said)
            return redirect(reverse("meetings:meeting", args=[meeting.pk]) + "#door")
    return meeting_page(request, meeting, exception_form=form)


def _change(by: Any, meeting: Meeting, person: Any, way: str) -> str:
    name = {"name": getattr(person, "name", person)}
    if way != AS_ROW:
        exceptions.set_exception(by, meeting, person, Way(way))
        said = {
            Way.WALKS_IN: _("%(name)s walks in from now on."),
            Way.KNOCKS: _("%(name)s knocks from now on."),
            Way.TURNED_AWAY: _("%(name)s is turned away from now on."),
        }
        return said[Way(way)] % name
    found = (
        meeting.exceptions.filter(email=person) if isinstance(person, str) else meeting.exceptions.filter(user=person)
    )
    for one in found:
        exceptions.lift_exception(by, one)
    return _("The row decides about %(name)s again.") % name

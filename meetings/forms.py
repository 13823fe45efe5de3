"""The schedule form: what a host typed, made into arguments for the scheduling services. Changes no rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meetings import directory, door_templates, doorform, localtime, selectors
from meetings.door import COLUMN, AskedAddress, Row, Way
from meetings.doorfields import DoorForm, select, text_input
from meetings.longselect import LongSelect
from meetings.models import Encryption, Invitation, Meeting
from meetings.recurrence import Rule
from meetings.repeatfields import DateInput, RepeatForm
from meetings.services.lists import MAX_LISTED
from meetings.services.retiming import first_to_move
from meetings.templatetags.lintel import length_in_full
from meetings.text import clean_line

LENGTHS_MINUTES = (15, 30, 45, 60, 75, 90, 105, 120, 150, 180, 210, 240, 300, 360, 420, 480)
LATE_GRACE = timedelta(minutes=5)


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self) -> None:
        super().__init__(attrs={"class": "input num"}, format="%H:%M")


def _lines(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"class": "input", "rows": rows})


class ScheduleForm(RepeatForm, DoorForm):
    """A meeting to be scheduled or changed. `people` is everybody: who is taken out of it loses the invitation."""

    title = forms.CharField(
        max_length=120, widget=text_input(), error_messages={"required": gettext_lazy("Enter a title.")}
    )
    date = forms.DateField(
        widget=DateInput(),
        error_messages={
            "required": gettext_lazy("Enter the date."),
            "invalid": gettext_lazy("Enter a date such as 2026-11-24."),
        },
    )
    starts = forms.TimeField(
        widget=TimeInput(),
        error_messages={
            "required": gettext_lazy("Enter the time at which it starts."),
            "invalid": gettext_lazy("Enter a time such as 14:30."),
        },
    )
    length = forms.TypedChoiceField(coerce=int, widget=select())
    time_zone = forms.ChoiceField(
        widget=LongSelect(attrs={"class": "input"}),
        error_messages={"invalid_choice": gettext_lazy("Choose a time zone of the list.")},
    )
    notes = forms.CharField(max_length=2000, required=False, widget=_lines(3))
    hosts = forms.CharField(max_length=20_000, required=False, widget=_lines(2))
    people = forms.CharField(max_length=50_000, required=False, widget=_lines(3))
    encryption = forms.ChoiceField(
        choices=[(mode.value, "") for mode in Encryption],
        error_messages={
            "required": gettext_lazy("Choose how the meeting is encrypted."),
            "invalid_choice": gettext_lazy("There is no such kind of encryption."),
        },
    )
    labels = {
        "title": gettext_lazy("Title"),
        "date": gettext_lazy("Date"),
        "starts": gettext_lazy("Starts"),
        "length": gettext_lazy("Length"),
        "time_zone": gettext_lazy("Time zone"),
        "notes": gettext_lazy("Notes for invitees"),
        "hosts": gettext_lazy("Hosts"),
        "people": gettext_lazy("People and guests"),
    }

    def __init__(self, *args: Any, by: Any, meeting: Meeting | None = None, **kwargs: Any) -> None:
        self.by = by
        self.meeting = meeting
        self.now = timezone.now()
        self.occurrence = selectors.occurrence_now(meeting) if meeting else None
        self.limits = selectors.limits_now()
        self.also_changed: tuple[Row, ...] = ()
        self.rule: Rule | None = None
        kwargs["initial"] = {**self._initial(), **kwargs.get("initial", {})}
        super().__init__(*args, label_suffix="", templates=door_templates.offered(self.limits), **kwargs)
        for name, label in self.labels.items():
            self.fields[name].label = label
        if meeting is not None:
            for name in RepeatForm.base_fields:
                del self.fields[name]
        minutes = sorted({*LENGTHS_MINUTES, self.initial["length"]})
        self.fields["length"].choices = [(str(count), length_in_full(count)) for count in minutes]
        self.fields["time_zone"].choices = localtime.choices(self.now, self.initial["time_zone"])
        self.exceptions = self._exceptions()
        self.fields["guests_verified"].disabled = self.limits.must_verify()
        self.fields["anyone_verified"].disabled = self.limits.least_asked() is not AskedAddress.NONE
        for name in doorform.OPTION_FIELDS:
            # Django takes the initial value of a disabled field, whatever is posted.
            self.fields[name].disabled = doorform.RULE_OF[name] in self.limits.fixed

    # ---- what the page shows first

    def _initial(self) -> dict[str, Any]:
        return self._of_meeting(self.meeting) if self.meeting else self._of_nothing()

    def _of_nothing(self) -> dict[str, Any]:
        zone = getattr(self.by, "time_zone", "") or timezone.get_current_timezone_name()
        start = timezone.localtime(self.now, localtime.ZoneInfo(zone)) + timedelta(minutes=30)
        start -= timedelta(minutes=start.minute % 30)
        return {
            "date": start.date(),
            "starts": start.time().replace(second=0, microsecond=0),
            "length": 60,
            "time_zone": zone,
            "encryption": Encryption.E2EE.value,
            **doorform.initial(self.limits.start),
        }

    def _of_meeting(self, meeting: Meeting) -> dict[str, Any]:
        starts_at = self._starts_at() or self.now
        start = timezone.localtime(starts_at, localtime.ZoneInfo(meeting.time_zone))
        return {
            "title": meeting.title,
            "notes": meeting.notes,
            "date": start.date(),
            "starts": start.time().replace(second=0, microsecond=0),
            "length": meeting.duration_minutes,
            "time_zone": meeting.time_zone,
            "hosts": ", ".join(host.email for host in meeting.hosts.all() if host != self.by),
            "people": ", ".join(
                [*(one.email for one in self.invited()), *(one["value"] for one in self.listed_held())]
            ),
            "encryption": meeting.encryption,
            **doorform.initial(selectors.rules_of(meeting, self.limits)),
        }

    def _starts_at(self) -> datetime | None:
        """The time that a change is about: of a meeting that repeats, of the next occurrence that can be moved, where
        its rule has it."""
        if self.meeting is None or self.occurrence is None:
            return None
        one = first_to_move(self.meeting, self.occurrence)
        return one.original_at if one.series_id is not None and one.original_at is not None else one.starts_at

    def _exceptions(self) -> list[doorform.TypedException]:
        """The rows of "Exceptions": what was posted, or what holds, and empty ones to be filled."""
        if self.is_bound:
            people, ways = self.data.getlist("exception_person"), self.data.getlist("exception_way")
            typed = list(zip(people, ways, strict=False))[: doorform.MOST_EXCEPTIONS]
            rows = [doorform.TypedException(clean_line(person, 254), way) for person, way in typed]
        else:
            rows = [doorform.TypedException(one["person"], one["way"]) for one in self.exceptions_held()]
        return [*rows, *(doorform.TypedException() for _ in range(doorform.EMPTY_ROWS) if not self.is_bound)]

    def address_shown(self) -> AskedAddress:
        """What the form asks of others with the link, as the page shows it."""
        value = str(self["anyone_verified"].value() or "")
        return AskedAddress(value) if value in set(AskedAddress) else AskedAddress.NONE

    # ---- what the host typed

    def clean_title(self) -> str:
        return " ".join(self.cleaned_data["title"].split())

    def clean_encryption(self) -> str:
        chosen: str = self.cleaned_data["encryption"]
        if self.meeting is not None and chosen != self.meeting.encryption:
            raise forms.ValidationError(_("The encryption of a meeting can’t be changed. Schedule a new one."))
        return chosen

    def clean_hosts(self) -> list[Any]:
        typed = directory.find(self.cleaned_data["hosts"])
        together = [*(str(group) for group in typed.groups), *(f"@{domain}" for domain in typed.domains)]
        without_account = typed.emails + typed.wrong + together
        if without_account:
            raise forms.ValidationError(
                _("Hosts need an account, and nobody here is called %(names)s.") % {"names": ", ".join(without_account)}
            )
        self._refuse_namesakes(typed)
        return [self.by, *(person for person in typed.users if person != self.by)]

    def clean_people(self) -> directory.Typed:
        typed = directory.find(self.cleaned_data["people"])
        if typed.wrong:
            raise forms.ValidationError(
                _("Nobody here is called %(names)s. Enter an email address instead, such as name@example.org.")
                % {"names": ", ".join(f"“{entry}”" for entry in typed.wrong)}
            )
        self._refuse_namesakes(typed)
        if len(typed.together) > MAX_LISTED:
            raise forms.ValidationError(_("At most %(count)d groups and domains.") % {"count": MAX_LISTED})
        unwanted = [one for one in typed.emails if not self.limits.guest_addresses.take(one)]
        if unwanted:
            raise forms.ValidationError(
                _("Turned off by your administrator: no guests with the address %(names)s. Use another address.")
                % {"names": ", ".join(unwanted)}
            )
        if len(typed) > directory.MAX_PEOPLE:
            raise forms.ValidationError(
                _("A meeting takes up to %(most)d invited people; this list has %(count)d.")
                % {"most": directory.MAX_PEOPLE, "count": len(typed)}
            )
        return typed

    @staticmethod
    def _refuse_namesakes(typed: directory.Typed) -> None:
        if typed.several:
            raise forms.ValidationError(
                _("Several people are called %(names)s. Enter the email address.") % {"names": ", ".join(typed.several)}
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not {"date", "starts", "time_zone"} & set(self.errors) and {"date", "starts", "time_zone"} <= set(data):
            self._settle_start(data)
        if self.meeting is None:
            known = not {"date", "starts", "time_zone"} & set(self.errors)
            first = datetime.combine(data["date"], data["starts"]) if known else None
            self.rule = self.settle_repeat(first)
        if not set(self.errors) & {*COLUMN.values(), *doorform.OPTION_FIELDS, "preset"}:
            rules, self.also_changed = self.settled(data)
            data["rules"] = replace(rules, guests_verified=rules.guests_verified or self.limits.must_verify())
        self._settle_exceptions()
        return data

    def _settle_exceptions(self) -> None:
        for row in self.exceptions:
            typed = directory.find(row.person)
            found = [*typed.users, *typed.emails]
            if not row.person.strip():
                continue
            if len(found) != 1 or typed.wrong or typed.several:
                row.error = _("“%(text)s”: enter one person’s name or email address.") % {"text": row.person[:80]}
            elif row.way not in set(Way):
                row.error = _("Choose what happens to %(text)s at the door.") % {"text": row.person[:80]}
            elif found[0] == self.by or found[0] in self.cleaned_data.get("hosts", []):
                row.error = _("%(name)s hosts, and hosts always walk in.") % {"name": found[0].name}
            else:
                row.found = found[0]
                continue
            self.add_error(None, row.error)

    def _settle_start(self, data: dict[str, Any]) -> None:
        told = {
            "place": localtime.city(data["time_zone"]),
            "clock": data["starts"].strftime("%H:%M"),
            "day": date_format(data["date"], "j F Y"),
        }
        skipped = _(
            "%(clock)s doesn’t exist on %(day)s in %(place)s: the clocks go forward over it. Choose another time."
        )
        twice = _("%(clock)s happens twice on %(day)s in %(place)s: the clocks go back over it. Choose another time.")
        try:
            starts_at = localtime.at(data["date"], data["starts"], data["time_zone"])
        except localtime.NoSuchTimeError:
            self.add_error("starts", skipped % told)
            return
        except localtime.TimeHappensTwiceError:
            self.add_error("starts", twice % told)
            return
        except (OverflowError, ValueError):
            self.add_error("date", _("Enter a date such as 2026-11-24."))
            return
        data["starts_at"] = starts_at
        before = self._starts_at()
        if before is not None and starts_at == before.replace(second=0, microsecond=0):
            data["starts_at"] = before
        elif starts_at < self.now - LATE_GRACE:
            today = timezone.localtime(self.now, localtime.ZoneInfo(data["time_zone"])).date()
            passed = _("%(clock)s on %(day)s in %(place)s has passed already. Choose a time to come.")
            self.add_error("starts" if data["date"] == today else "date", passed % told)
        elif starts_at > self.now + timedelta(days=5 * 366):
            self.add_error("date", _("That is more than five years away. Check the year."))

    # ---- what the services take

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `schedule_meeting`; of `change_meeting`, beside `tell`, without encryption and rule."""
        data = self.cleaned_data
        typed = data["people"]
        return {
            "title": data["title"],
            "notes": data["notes"],
            "starts_at": data["starts_at"],
            "duration_minutes": data["length"],
            "time_zone": data["time_zone"],
            "hosts": data["hosts"],
            "people": [*typed.users, *typed.emails],
            "listed": typed.together,
            "rules": data["rules"],
            **({"exceptions": self.exceptions_typed()} if "exception_person" in self.data else {}),
            **({} if self.meeting else {"encryption": data["encryption"]}),
            **({"recurrence": self.rule.text()} if self.rule is not None else {}),
        }

    def exceptions_typed(self) -> list[tuple[Any, Way]]:
        """Who was named, and what is to happen to them."""
        return [(row.found, Way(row.way)) for row in self.exceptions if row.found is not None]

    def exceptions_shown(self) -> dict[str, str]:
        """What the rows of the form settle, by address as it was typed."""
        return {
            row.person.strip().lower(): row.way for row in self.exceptions if row.person.strip() and row.way in set(Way)
        }

    def exceptions_held(self) -> list[dict[str, str]]:
        """The exceptions that hold now, by address."""
        held = self.meeting.exceptions.select_related("user") if self.meeting else []
        return [{"person": one.user.email if one.user else one.email, "way": one.way} for one in held]

    def exception_changes(self) -> list[tuple[str, str, str]]:
        """Exceptions that an edit changes: (address, before, after), "" for none. Empty for a new meeting."""
        if self.meeting is None or "exception_person" not in self.data:
            return []
        before = {one["person"]: one["way"] for one in self.exceptions_held()}
        after = {getattr(found, "email", found): str(way) for found, way in self.exceptions_typed()}
        people = sorted({*before, *after})
        return [(who, before.get(who, ""), after.get(who, "")) for who in people if before.get(who) != after.get(who)]

    def invited(self) -> list[Invitation]:
        """Who is invited to the meeting as the database has it now."""
        if self.occurrence is None:
            return []
        return list(self.occurrence.invitations.filter(revoked_at=None).select_related("user"))

    def listed_held(self) -> list[dict[str, str]]:
        """Groups and domains on the list now, as they are typed."""
        held = self.meeting.listed_together.select_related("group") if self.meeting else []
        return [{"value": str(one), "key": str(one).lower()} for one in held]

    def unlisted(self) -> list[str]:
        """Groups and domains that an edit takes off the list."""
        typed = self.cleaned_data["people"]
        kept = {str(group).lower() for group in typed.groups} | {f"@{domain}" for domain in typed.domains}
        return [one["value"] for one in self.listed_held() if one["key"] not in kept]

    def uninvited(self) -> list[Invitation]:
        """Invitations that an edit takes back, also ones that somebody else made after the form was opened."""
        typed = self.cleaned_data["people"]
        return [one for one in self.invited() if one.email not in typed.emails and one.user not in typed.users]

    def revoked(self) -> list[Invitation]:
        """Whose invitation to the meeting is revoked as the database has it now."""
        if self.occurrence is None:
            return []
        return list(self.occurrence.invitations.exclude(revoked_at=None).select_related("user"))

    def reinvited(self) -> list[Invitation]:
        """Revoked invitations that an edit restores, also ones that somebody else revoked after the form was
        opened."""
        typed = self.cleaned_data["people"]
        addresses = {*typed.emails, *(person.email.lower() for person in typed.users)}
        return [one for one in self.revoked() if one.email in addresses]

    def door_changes(self) -> list[tuple[Row, Way, Way]]:
        """Rows of the door that an edit changes: (row, before, after). Empty for a new meeting."""
        if self.meeting is None or "rules" not in self.cleaned_data:
            return []
        before, after = selectors.rules_of(self.meeting, self.limits), self.cleaned_data["rules"]
        return [(row, before.way(row), after.way(row)) for row in doorform.ROWS if before.way(row) != after.way(row)]

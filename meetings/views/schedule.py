"""Schedule a meeting, or change one. The form reads; the services write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from meetings import directory, door_templates, listing, localtime, recurrencewords, repeatfields
from meetings.door import COLUMN, EASE, ORDER, AskedAddress, Row, Rules, Way
from meetings.doorlimits import ALL_OPEN, RIGHTS, Limits, presets_offered
from meetings.doortable import MOST_INSIDE
from meetings.foretelling import Foreteller
from meetings.forms import ScheduleForm
from meetings.lifecycle import IllegalEvent
from meetings.models import Invitation, Meeting
from meetings.services import scheduling
from meetings.services.doorrules import FORM_FIELDS
from meetings.services.errors import Wrong
from meetings.views import encryption_words, words
from meetings.views.access import for_hosts, open_meeting

_ROWS = (Row.LISTED, Row.COLLEAGUE, Row.GUEST, Row.ANYONE)
_FIELD_OF = {"starts_at": "starts", "duration_minutes": "length", "recurrence": "repeat", **FORM_FIELDS}
"""Fields of this form that a service calls otherwise."""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The empty form; a POST schedules the meeting and sends the invitations."""
    form = ScheduleForm(request.POST or None, by=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            meeting = scheduling.schedule_meeting(request.user, **form.arguments())
        except Wrong as wrong:
            _say_wrong(form, wrong)
            return _page(request, form)
        messages.success(request, _scheduled(listing.current(meeting).invitations.count()))
        _say_also_changed(request, form)
        return redirect("meetings:meeting", meeting.pk)
    return _page(request, form)


@for_hosts
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """The form of a meeting that exists, for its hosts.

    A change of the door, and an invitation that is taken back, are listed before they are saved. The script lists
    them while one edits and sends along what was listed (`changes_seen`); without a script, or when somebody else
    changed the list meanwhile, the first Save shows the list and the second one saves.
    """
    meeting = open_meeting(request.user, meeting_id)
    form = ScheduleForm(request.POST or None, by=request.user, meeting=meeting)
    if request.method == "POST" and form.is_valid():
        listed = _changes_as_listed(form)
        if listed and request.POST.get("changes_seen") != listed:
            return _page(request, form, meeting=meeting, unseen=listed)
        tell = request.POST.get("tell") != "no"
        try:
            scheduling.change_meeting(request.user, meeting, tell=tell, **form.arguments())
        except Wrong as wrong:
            _say_wrong(form, wrong)
            return _page(request, form, meeting=meeting)
        except IllegalEvent:
            form.add_error("starts", _("The meeting has started already, so its start can’t be moved."))
            return _page(request, form, meeting=meeting)
        messages.success(
            request, _("Saved. The people invited are told by email.") if tell else _("Saved. Nobody was told.")
        )
        _say_also_changed(request, form)
        return redirect("meetings:meeting", meeting.pk)
    return _page(request, form, meeting=meeting)


def _say_wrong(form: ScheduleForm, wrong: Wrong) -> None:
    """A service's no beside the field that it is about."""
    for name, message in wrong.each:
        field = _FIELD_OF.get(name, name.rpartition(".")[2])
        form.add_error(field if field in form.fields else None, message)


def _changes_as_listed(form: ScheduleForm) -> str:
    """The changes that are listed before saving, in the form in which the page sends them back."""
    door = ",".join(f"{COLUMN[row]}:{after.value}" for row, _before, after in form.door_changes())
    gone = ",".join(sorted([*(one.email for one in form.uninvited()), *(one.lower() for one in form.unlisted())]))
    alone = ",".join(f"{who}:{after}" for who, _before, after in form.exception_changes())
    back = ",".join(sorted(one.email for one in form.reinvited()))
    listed = [door, gone, alone, *([back] if back else [])]
    return "|".join(listed) if any(listed) else ""


def _scheduled(count: int) -> str:
    if not count:
        return _("The meeting is scheduled. Nobody is invited yet.")
    return ngettext(
        "The meeting is scheduled and %(count)d invitation is on its way.",
        "The meeting is scheduled and %(count)d invitations are on their way.",
        count,
    ) % {"count": count}


def _say_also_changed(request: HttpRequest, form: ScheduleForm) -> None:
    if form.also_changed:
        rows = ", ".join(words.row_name(row) for row in form.also_changed)
        messages.info(
            request, _("Also changed, so that nobody less known gets in more easily: %(rows)s.") % {"rows": rows}
        )


def _page(
    request: HttpRequest, form: ScheduleForm, *, meeting: Meeting | None = None, unseen: str = ""
) -> HttpResponse:
    hosts = directory.find(str(form["hosts"].value() or "")).users
    hosts = [request.user, *(person for person in hosts if person != request.user)]
    known = directory.find(str(form["people"].value() or ""))
    listed = [person for person in known.users if person not in hosts]
    on_the_list = {person.pk for person in listed} | directory.people_of(known) - {host.pk for host in hosts}
    others = max(0, directory.count() - len(hosts) - len(on_the_list))
    example = directory.somebody_else([*(host.pk for host in hosts), *on_the_list])
    together = [words.together(one) for one in known.together]
    shown = {COLUMN[row]: _shown(form, COLUMN[row]) for row in _ROWS}
    on_the_row = [*(one.name for one in listed), *together]
    context = {
        "here": "meetings",
        "form": form,
        "meeting": meeting,
        **(_repeats(form) if meeting else {}),
        "presets": words.presets(presets_offered(form.limits)),
        "templates": door_templates.offers(form.limits),
        "rows": _rows(form, shown, listed=on_the_row, guests=len(known.emails), others=others),
        "row_words": {"host": words.names([_("You"), *(host.name for host in hosts[1:])], most=4)},
        "exceptions": form.exceptions,
        "ways": words.ways(),
        "rights": [form[name] for name in RIGHTS],
        "options": _options(form),
        "encryptions": encryption_words.modes(str(form["encryption"].value()), meeting),
        "most_inside": form.limits.most.capacity or MOST_INSIDE,
        "preview": _preview(form, shown, listed=listed, guests=known.emails, example=example),
        "preview_when": _when(form),
        "exposure": _exposure(shown, others),
        "changes": _changes(form) if form.is_bound and form.is_valid() else {},
        "changes_seen": unseen,
        "page_data": _page_data(request, form, example),
    }
    return render(request, "meetings/schedule.html", context, status=422 if form.errors else 200)


def _repeats(form: ScheduleForm) -> dict[str, str]:
    """How a meeting that exists repeats, and what of an edit concerns which of its dates."""
    if form.occurrence is None or form.occurrence.series is None:
        return {}
    day = date_format(form.initial["date"], "j F Y")
    return {
        "rhythm": recurrencewords.said(form.occurrence.series.parsed),
        "holds_from": _("A new date, start, length or time zone holds from %(day)s on; earlier dates stay as they are.")
        % {"day": day},
    }


def _shown(form: ScheduleForm, field: str) -> str:
    """The answer that a row shows: what was posted, or the first one where that is none of the three."""
    posted = str(form[field].value())
    return posted if posted in set(Way) else str(form.initial[field])


def _changes(form: ScheduleForm) -> dict[str, Any]:
    door = [
        {"name": words.row_name(row), "before": before.value, "after": after.value}
        for row, before, after in form.door_changes()
    ]
    gone = [_name_of(one) for one in form.uninvited()] if form.meeting else []
    gone += form.unlisted() if form.meeting else []
    alone = [{"name": who, "before": before, "after": after} for who, before, after in form.exception_changes()]
    back = [_name_of(one) for one in form.reinvited()] if form.meeting else []
    if not (door or gone or alone or back):
        return {}
    return {"door": [*door, *alone], "gone": words.names(gone, most=12), "back": words.names(back, most=12)}


def _name_of(invitation: Invitation) -> str:
    return invitation.user.name if invitation.user is not None else invitation.email


def _rows(
    form: ScheduleForm, shown: dict[str, str], *, listed: list[Any], guests: int, others: int
) -> list[dict[str, str]]:
    about = {
        Row.LISTED: words.names(listed, most=4) or _("Nobody yet"),
        Row.COLLEAGUE: _people_could_open(others),
        Row.GUEST: _personal_links(guests),
        Row.ANYONE: _("Forwarded or leaked links"),
    }
    return [
        {
            "field": COLUMN[row],
            "name": words.row_name(row),
            "about": about[row],
            "value": shown[COLUMN[row]],
            **words.choices(row, form.limits, Way(form.initial[COLUMN[row]])),
        }
        for row in _ROWS
    ]


def _people_could_open(count: int) -> str:
    return ngettext("%(count)d person could open the link", "%(count)d people could open the link", count) % {
        "count": count
    }


def _personal_links(count: int) -> str:
    if not count:
        return _("Nobody yet")
    return ngettext(
        "%(count)d personal link, name typed by the guest", "%(count)d personal links, names typed by the guests", count
    ) % {"count": count}


def _options(form: ScheduleForm) -> list[dict[str, Any]]:
    labels = {
        "mics_start_off": _("Microphones start off"),
    }
    return [
        {"name": name, "label": label, "value": form[name].value(), "off": form.fields[name].disabled}
        for name, label in labels.items()
    ]


def _preview(
    form: ScheduleForm, shown: dict[str, str], *, listed: list[Any], guests: list[str], example: Any
) -> list[dict[str, Any]]:
    """Four concrete people: two with accounts, a guest, and whoever got hold of a forwarded link."""
    guest = guests[0] if guests else ""
    alone = form.exceptions_shown()
    people = [
        {
            "field": "listed",
            "name": listed[0].name if listed else _("Somebody you list"),
            "icon": "" if listed else "user",
            "about": _("on the list"),
            "way": shown["listed"],
        },
        {
            "field": "colleagues",
            "name": example.name if example else _("A colleague"),
            "icon": "" if example else "user",
            "about": _("%(org)s, not listed") % {"org": words.organisation()},
            "way": shown["colleagues"],
        },
        {
            "field": "guests",
            "name": guest or _("A guest you invite"),
            "icon": "" if guest else "user",
            "about": _("personal link"),
            "way": shown["guests"],
            "guest": True,
        },
        {
            "field": "anyone",
            "name": _("Forwarded link"),
            "about": _("not on the list"),
            "way": shown["anyone"],
            "icon": "link",
        },
    ]
    addresses = {
        "listed": listed[0].email if listed else "",
        "colleagues": example.email if example else "",
        "guests": guest,
    }
    rules = Rules(
        *(Way(shown[COLUMN[row]]) for row in _ROWS),
        guests_verified=bool(form["guests_verified"].value()),
        anyone_verified=form.address_shown(),
    )
    foreteller = Foreteller(rules, form.limits)
    for person, row in zip(people, _ROWS, strict=True):
        own = alone.get(addresses.get(person["field"], ""))
        told = foreteller.tell(row, exception=Way(own) if own else None)
        chip = _after_code()[told.way.value] if told.after_code else ""
        person |= {"way": told.way.value, "words": chip, "why": told.why}
    return people


def _after_code() -> dict[str, str]:
    return {"walks_in": _("walks in after a code"), "knocks": _("knocks after a code")}


def _whys() -> dict[str, Any]:
    """Why the door would answer so, by row and answer, for the script that follows the form."""
    by_row = {
        COLUMN[row]: {
            way.value: Foreteller(replace(ALL_OPEN, **{COLUMN[row]: way}), Limits()).tell(row).why for way in Way
        }
        for row in _ROWS
    }
    asked = Foreteller(replace(ALL_OPEN, anyone=Way.TURNED_AWAY, guests_verified=True), Limits())
    alone = {way.value: asked.tell(Row.LISTED, exception=way).why for way in Way}
    proofs = {
        proof.value: Foreteller(replace(ALL_OPEN, anyone_verified=proof), Limits()).tell(Row.ANYONE).why
        for proof in AskedAddress
    }
    return {"rows": by_row, "code": asked.tell(Row.GUEST).why, "alone": alone, "proofs": proofs}


def _when(form: ScheduleForm) -> str:
    """From when the door answers, in the words of the meeting's own place."""
    try:
        start = localtime.at(
            form.fields["date"].to_python(form["date"].value()),
            form.fields["starts"].to_python(form["starts"].value()),
            str(form["time_zone"].value()),
        )
        opens = str(form["opens"].value())
        opening = start - timedelta(minutes=int(opens)) if opens != "any" else None
        place = localtime.ZoneInfo(str(form["time_zone"].value()))
    except Exception:  # noqa: BLE001 - the form itself says what is wrong with its fields; the preview only stays quiet
        return ""
    day = date_format(timezone.localtime(start, place), "l j F")
    if opening is None:
        return _("On %(day)s, and any time before") % {"day": day}
    return _("On %(day)s, from %(clock)s") % {
        "day": day,
        "clock": date_format(timezone.localtime(opening, place), "H:i"),
    }


def _exposure(shown: dict[str, str], others: int) -> str:
    if shown["anyone"] == Way.WALKS_IN:
        return _("Anybody who gets hold of the link can walk in unannounced.")
    if shown["colleagues"] == Way.WALKS_IN and others:
        return ngettext(
            "%(count)d more person at %(org)s can walk in unannounced.",
            "%(count)d more people at %(org)s can walk in unannounced.",
            others,
        ) % {"count": others, "org": words.organisation()}
    return ""


def _page_data(request: HttpRequest, form: ScheduleForm, example: Any) -> dict[str, Any]:
    """What the page's script needs: the same rules, people and words that the server uses."""
    return {
        "me": {"name": request.user.name, "email": request.user.email},  # type: ignore[union-attr]
        "people": directory.suggestions(),
        "total": directory.count(),
        "example": example.name if example else "",
        "exceptions": form.exceptions_held(),
        "whys": _whys(),
        "rhythms": repeatfields.rhythms(),
        "groups": directory.groups(),
        "domains": directory.domain_counts(),
        "unwanted": {"rule": form.limits.guest_addresses.rule, "domains": form.limits.guest_addresses.domains},
        "listed": [{"email": one["key"], "name": one["value"]} for one in form.listed_held()],
        "invited": [{"email": one.email, "name": _name_of(one)} for one in form.invited()],
        "revoked": [{"email": one.email, "name": _name_of(one)} for one in form.revoked()],
        "presets": words.preset_tables() | words.template_tables(door_templates.offers(form.limits)),
        "order": [[COLUMN[better], COLUMN[lesser]] for better, lesser in ORDER],
        "ease": {way.value: ease for way, ease in EASE.items()},
        "rows": {COLUMN[row]: words.row_name(row) for row in _ROWS},
        "words": {
            "ways": {"walks_in": _("walks in"), "knocks": _("knocks"), "turned_away": _("turned away")},
            "afterCode": _after_code(),
            "also": _("Also changed: {rows}."),
            "you": _("You"),
            "youTag": _("{name} (you)"),
            "and": _("{first} and {last}"),
            "others": _("{count} others"),
            "gone": _("Not invited any more"),
            "back": _("Invited again"),
            "asRow": _("as their row says"),
            "nobody": _("Nobody yet"),
            "remove": _("Remove {name}"),
            "added": _("Added {name}."),
            "removed": _("Removed {name}."),
            "counted": _("{name}, {count} people"),
            "countedOne": _("{name}, 1 person"),
            "unwanted": _("Turned off by your administrator: no guests with the address {name}."),
            "wrong": _("{name} is not a name or an address we know."),
            "hostWrong": _("{name} has no account here, so can’t host."),
            "suggested": _("{count} people match. Press the down arrow to choose."),
            "addPeople": _("Name or email"),
            "addHost": _("Add a host"),
            "oneLink": _("1 personal link, name typed by the guest"),
            "links": _("{count} personal links, names typed by the guests"),
            "onePerson": _("1 person could open the link"),
            "persons": _("{count} people could open the link"),
            "somebody": _("Somebody you list"),
            "guest": _("A guest you invite"),
            "colleague": _("A colleague"),
            "anybodyWalks": _("Anybody who gets hold of the link can walk in unannounced."),
            "oneWalks": _("1 more person at {org} can walk in unannounced.").replace("{org}", words.organisation()),
            "manyWalk": _("{count} more people at {org} can walk in unannounced.").replace(
                "{org}", words.organisation()
            ),
            "when": _("On {day}, from {clock}"),
            "whenAny": _("On {day}, and any time before"),
        },
    }

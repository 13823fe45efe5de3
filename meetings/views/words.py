"""How pages say what the door does: the same words for the form, the dashboard row and the meeting page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meetings import doorform
from meetings.door import COLUMN, PRESETS, Row, Rules, Way, WithoutHost
from meetings.door_templates import Offer
from meetings.doorlimits import Limits
from meetings.doortable import without_idle_codes
from meetings.services import lists
from meetings.services.lists import Wanted

LONGEST_NAME_IN_A_CHIP = 18


def organisation() -> str:
    """The name that the operator gave to the organisation."""
    return settings.LINTEL.organisation


def row_name(row: Row) -> str:
    """A row of the table, as the form calls it."""
    return {
        Row.HOST: _("Hosts"),
        Row.LISTED: _("People you listed, signed in"),
        Row.COLLEAGUE: _("Others signed in at %(org)s") % {"org": organisation()},
        Row.GUEST: _("Guests you invited"),
        Row.ANYONE: _("Anyone else with the link"),
    }[row]


def row_name_anywhere(row: Row) -> str:
    """The same where meetings of any host are meant."""
    return {Row.LISTED: _("People the host listed, signed in"), Row.GUEST: _("Guests the host invited")}.get(
        row
    ) or row_name(row)


def short_row_name(row: Row) -> str:
    """The same where there is little room and nobody is being asked."""
    return {
        Row.HOST: _("Hosts"),
        Row.LISTED: _("Listed, signed in"),
        Row.COLLEAGUE: _("Others at %(org)s") % {"org": organisation()},
        Row.GUEST: _("Invited guests"),
        Row.ANYONE: _("Anyone else"),
    }[row]


def ways() -> list[tuple[str, str, str]]:
    """The three answers as segments of a row: value, look, word."""
    return [
        (Way.WALKS_IN.value, "in", _("Walks in")),
        (Way.KNOCKS.value, "wait", _("Knocks")),
        (Way.TURNED_AWAY.value, "no", _("Turned away")),
    ]


def choices(row: Row, limits: Limits, kept: Way) -> dict[str, Any]:
    """The three answers as segments of a row, which of them are off for hosts, and why."""
    open_to = limits.choices(row, kept)
    segments = [{"value": way, "look": look, "name": name, "off": way not in open_to} for way, look, name in ways()]
    off = [str(one["name"]) for one in segments if one["off"]]
    why = ""
    if COLUMN[row] in limits.fixed:
        why = _("Turned off by your administrator: hosts can’t change this.")
    elif off:
        why = _("%(ways)s: turned off by your administrator.") % {"ways": names(off)}
    return {"ways": segments, "why": why}


def presets(offered: frozenset[str] = frozenset(PRESETS)) -> list[dict[str, Any]]:
    """The four starting points, in the order of the form. One that isn't offered is shown, and says why."""
    return [{**preset, "off": preset["value"] not in offered} for preset in _presets()]


def _presets() -> list[dict[str, str]]:
    org = {"org": organisation()}
    return [
        {
            "value": "named_people",
            "icon": "door-closed-locked",
            "name": _("Named people only"),
            "text": _(
                "Everyone on the list walks in, guests after a code mailed to them. Nobody else, even with a link."
            ),
        },
        {
            "value": "guests_knock",
            "icon": "bell",
            "name": _("Guests knock"),
            "text": _("Everyone at %(org)s walks in. Invited guests wait until a host lets them in.") % org,
        },
        {
            "value": "everyone_knocks",
            "icon": "users",
            "name": _("Everyone knocks"),
            "text": _("Only hosts walk in. A host lets in each person, one by one."),
        },
        {
            "value": "anyone_with_link",
            "icon": "door-open",
            "name": _("Anyone with the link"),
            "text": _("Whoever has the link walks in, also when it was forwarded or leaked."),
        },
    ]


def preset_tables() -> dict[str, dict[str, Any]]:
    """The tables of the presets, for the scripts that keep rows and presets in step."""
    return {name: asdict(table) for name, table in PRESETS.items()}


def template_tables(offers: list[Offer]) -> dict[str, dict[str, Any]]:
    """The same of templates that may be picked, with the options that they set, by the form's fields."""
    found = {}
    for one in offers:
        if one.is_off:
            continue
        rules = without_idle_codes(one.rules)
        fields = doorform.initial(rules)
        found[one.value] = {
            **{COLUMN[row]: fields[COLUMN[row]] for row in doorform.ROWS},
            "guests_verified": rules.guests_verified,
            "anyone_verified": rules.anyone_verified,
            "options": {name: fields[name] for name in doorform.OPTION_FIELDS},
        }
    return found


@dataclass(frozen=True)
class Summary:
    """One word for a door: `look` is the chip's colour (in, wait, no, open)."""

    look: str
    icon: str
    text: str


def summary(rules: Rules) -> Summary:
    """The door in a row of the dashboard. Named by who gets in most easily without having been named."""
    if rules.anyone is Way.WALKS_IN:
        return Summary("open", "triangle-alert", _("Anyone walks in"))
    if rules.colleagues is Way.WALKS_IN:
        short = len(organisation()) <= LONGEST_NAME_IN_A_CHIP
        text = _("%(org)s walks in") % {"org": organisation()} if short else _("Colleagues walk in")
        return Summary("in", "door-open", text)
    if {rules.colleagues, rules.anyone} == {Way.TURNED_AWAY}:
        return Summary("no", "door-closed-locked", _("Named people only"))
    return Summary("wait", "bell", _("Everyone knocks") if rules.listed is Way.KNOCKS else _("Others knock"))


def plural_chip(way: Way, *, after_code: bool = False) -> str:
    """An answer as it is said of a kind of people."""
    if after_code:
        return _("knock after a code") if way is Way.KNOCKS else _("walk in after a code")
    return {Way.WALKS_IN: _("walk in"), Way.KNOCKS: _("knock"), Way.TURNED_AWAY: _("turned away")}[way]


def without_host(rules: Rules) -> str:
    """What holds until a host is there, as a sentence."""
    if rules.without_host is WithoutHost.LISTED_START:
        return _("If no host has arrived, listed people may start.")
    return _("If no host has arrived, everyone waits outside.")


def counted(name: str, count: int) -> str:
    """A group or domain with the number of people that it stands for: "Safety team, 12 people"."""
    return ngettext("%(name)s, %(count)d person", "%(name)s, %(count)d people", count) % {"name": name, "count": count}


def together(one: Wanted) -> str:
    """A group, or a domain without its "@", with the number of people that it stands for now."""
    return counted(f"@{one}" if isinstance(one, str) else str(one), lists.count_of(one))


def people_and_guests(people: int, guests: int) -> str:
    """How many are invited: "4 people, 3 guests"."""
    said = []
    if people:
        said.append(ngettext("%(count)d person", "%(count)d people", people) % {"count": people})
    if guests:
        said.append(ngettext("%(count)d guest", "%(count)d guests", guests) % {"count": guests})
    return ", ".join(said)


def names(people: list[str], *, most: int = 3) -> str:
    """Names as a sentence holds them: "You, Marcus Bell and 4 others"."""
    if not people:
        return ""
    if len(people) > most:
        rest = len(people) - (most - 1)
        others = ngettext("%(count)d other", "%(count)d others", rest) % {"count": rest}
        people = [*people[: most - 1], others]
    if len(people) == 1:
        return people[0]
    return _("%(first)s and %(last)s") % {"first": ", ".join(people[:-1]), "last": people[-1]}


def masked(address: str) -> str:
    """An address for somebody who may only have found the link that was sent to it: "p•••@medreg.example"."""
    name, _at, host = address.rpartition("@")
    return f"{name[:1]}•••@{host}"

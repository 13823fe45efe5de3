"""One entry in full: each fact that it holds under a plain name, and where it stands in the chain. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meetings import chain, doorwords
from meetings.audit import checkpoints
from meetings.audit.details import raw_body
from meetings.audit.verify import Broken, check_detail, check_link
from meetings.audit.words import COLUMNS, REASONS, ROWS, SOURCES, WAYS
from meetings.models import AuditEntry

NAMES: Final[Mapping[str, Any]] = {
    "account": gettext_lazy("Account"),
    "because": gettext_lazy("Why"),
    "changes": gettext_lazy("What changed"),
    "covers": gettext_lazy("Tells of"),
    "count": gettext_lazy("How often"),
    "door_set_to_knock": gettext_lazy("Anyone else with the link knocks from now on"),
    "device": gettext_lazy("Device"),
    "email": gettext_lazy("Address"),
    "events": gettext_lazy("Events"),
    "entries": gettext_lazy("How many entries"),
    "filters": gettext_lazy("Filters"),
    "for_everybody": gettext_lazy("Also for addresses that others enter"),
    "format": gettext_lazy("Form"),
    "link": gettext_lazy("Which link"),
    "networks": gettext_lazy("From how many networks"),
    "invitation": gettext_lazy("Invitation"),
    "minute": gettext_lazy("In the minute"),
    "name": gettext_lazy("Name"),
    "note": gettext_lazy("What the person was told"),
    "number": gettext_lazy("Entry"),
    "numbers": gettext_lazy("Entries"),
    "on": gettext_lazy("Switched on"),
    "participant": gettext_lazy("Seat"),
    "publish": gettext_lazy("May send"),
    "reason": gettext_lazy("Reason"),
    "role": gettext_lazy("Role"),
    "row": gettext_lazy("Who they came as"),
    "scopes": gettext_lazy("Scopes"),
    "source": gettext_lazy("What was stopped"),
    "starts_at": gettext_lazy("Start"),
    "title": gettext_lazy("Title"),
    "token": gettext_lazy("API token"),
    "watch": gettext_lazy("May watch"),
    "way": gettext_lazy("At the door"),
    "what": gettext_lazy("What"),
}
_VALUES: Final[Mapping[str, Mapping[str, Any]]] = {"reason": REASONS, "row": ROWS, "source": SOURCES, "way": WAYS}


def facts_of(entry: AuditEntry) -> list[tuple[str, str]]:
    """Name and value of each fact, in the order of the names' keys; nothing once they were erased."""
    body = raw_body(getattr(entry, "detail", None))
    facts = body["facts"] if body is not None else {}
    return [(str(NAMES.get(key, key.replace("_", " ").capitalize())), _value(key, facts[key])) for key in sorted(facts)]


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if key == "numbers":
        return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in value)
    if isinstance(value, Mapping):
        return _group(value)
    if isinstance(value, list):
        return ", ".join(_value("", part) for part in value)
    if value is None or value == "":
        return "–"
    return str(_VALUES.get(key, {}).get(str(value), value))


def _group(value: Mapping[str, Any]) -> str:
    """An explanation of the door as its sentence, anything else part by part."""
    because = doorwords.read(value)
    if because is not None:
        return doorwords.sentence(because)
    return ", ".join(_part(name, part) for name, part in value.items())


def _part(name: str, value: Any) -> str:
    column = str(COLUMNS.get(name, NAMES.get(name, name)))
    if value is True:
        return column
    return f"{column}: {WAYS[value] if isinstance(value, str) and value in WAYS else _value(name, value)}"


@dataclass(frozen=True)
class Place:
    """Where an entry stands. `fault` is empty while it fits its neighbours and its details; `signed` is the first
    signed checkpoint that covers it, or None. `erased_by` is the entry that emptied its details.
    """

    fault: str
    signed: checkpoints.Checkpoint | None
    earlier: int | None
    later: int | None
    erased_by: int | None


def place_of(entry: AuditEntry) -> Place:
    """Checks one entry and the links on both sides of it; the whole chain is `verify`'s."""
    before = AuditEntry.objects.filter(number=entry.number - 1).first()
    after = AuditEntry.objects.filter(number=entry.number + 1).first()
    fault, erased_by = "", None
    try:
        check_link(entry, entry.number, before.digest if before is not None else chain.GENESIS)
        if after is not None:
            check_link(after, entry.number + 1, entry.digest)
        if check_detail(entry) is None:
            erased_by = _erasure_of(entry.number)
            if erased_by is None:
                raise Broken(entry.number, "its details are gone, and no erasure was recorded")
    except Broken as broken:
        fault = broken.why
    return Place(
        fault=fault,
        signed=checkpoints.covering(entry.number),
        earlier=before.number if before is not None else None,
        later=after.number if after is not None else None,
        erased_by=erased_by,
    )


def _erasure_of(number: int) -> int | None:
    """The entry that recorded the erasure of these details."""
    later = AuditEntry.objects.filter(kind=chain.ERASED, number__gt=number).select_related("detail")
    for entry in later.order_by("number"):
        facts = (raw_body(getattr(entry, "detail", None)) or {"facts": {}})["facts"]
        if facts.get("what", "details") == "details" and any(
            first <= number <= last for first, last in facts.get("numbers", [])
        ):
            return entry.number
    return None

"""The door as a form carries it: presets and rows travel together and may contradict each other. Knows no rows.

A script keeps them in step while one edits. Without one, what the form showed first (`was_preset`, `was_rows`) tells
what was meant: a preset that was picked sets the table, and rows that were edited win over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from meetings.door import (
    COLUMN,
    AskedAddress,
    Row,
    Rules,
    Way,
    WithoutHost,
    is_ordered,
    ordered,
    preset_of,
    with_preset,
)
from meetings.doortable import without_idle_codes
from meetings.rights import Audience, Right

ROWS = (Row.LISTED, Row.COLLEAGUE, Row.GUEST, Row.ANYONE)

RULE_OF = {
    "opens": "opens_minutes",
    "without_host": "without_host",
    **{right.value: right.value for right in Right},
    "mics_start_off": "mics_start_off",
    "lock_after": "lock_after_minutes",
    "capacity": "capacity",
}
"""The field of `Rules` behind each option of the form."""
OPTION_FIELDS = tuple(RULE_OF)


MOST_EXCEPTIONS = 50
EMPTY_ROWS = 2


@dataclass
class TypedException:
    """One row of "Exceptions": a name or address, and what is to happen to them. `found`: the account or address."""

    person: str = ""
    way: str = ""
    error: str = ""
    found: Any = None


def initial(rules: Rules) -> dict[str, Any]:
    """These rules as the fields of the form show them."""
    preset = preset_of(rules)
    return {
        "preset": preset,
        "was_preset": preset,
        "was_rows": ",".join(rules.way(row) for row in ROWS),
        **{COLUMN[row]: rules.way(row).value for row in ROWS},
        "guests_verified": rules.guests_verified,
        "anyone_verified": rules.anyone_verified.value,
        "opens": "any" if rules.opens_minutes is None else str(rules.opens_minutes),
        "without_host": rules.without_host.value,
        "speak": rules.speak.value,
        "show": rules.show.value,
        "share": rules.share.value,
        "chat": rules.chat.value,
        "record": rules.record.value,
        "mics_start_off": rules.mics_start_off,
        "lock_after": "" if rules.lock_after_minutes is None else str(rules.lock_after_minutes),
        "capacity": rules.capacity,
    }


def settle(
    data: Mapping[str, Any], *, shown: Mapping[str, Any], templates: Mapping[str, Rules]
) -> tuple[Rules, tuple[Row, ...]]:
    """The rules that were meant, and the rows that had to follow so that nobody less known gets in more easily.

    `shown`: the fields as the form had them first. `templates`: rules that may be picked like a preset.
    """
    rules = Rules(
        opens_minutes=None if data["opens"] == "any" else int(data["opens"]),
        without_host=WithoutHost(data["without_host"]),
        speak=Audience(data["speak"]),
        show=Audience(data["show"]),
        share=Audience(data["share"]),
        chat=Audience(data["chat"]),
        record=Audience(data["record"]),
        mics_start_off=data["mics_start_off"],
        lock_after_minutes=int(data["lock_after"]) if data["lock_after"] else None,
        capacity=data["capacity"],
    )
    posted = {row: Way(data[COLUMN[row]]) for row in ROWS}
    picked = data["preset"] if data["preset"] != data["was_preset"] else ""
    edited = _edited(posted, data["was_rows"])
    if picked in templates:
        changed = [RULE_OF[name] for name in OPTION_FIELDS if _is_changed(name, data, shown)]
        rules = replace(templates[picked], **{name: getattr(rules, name) for name in changed})
        rules = replace(rules, **{COLUMN[row]: posted[row] for row in edited})
    elif picked:
        rules = with_preset(rules, picked)
        rules = replace(rules, **{COLUMN[row]: posted[row] for row in edited})
    else:
        ways: dict[str, Any] = {COLUMN[row]: way for row, way in posted.items()}
        proof = AskedAddress(data["anyone_verified"] or AskedAddress.NONE)
        rules = replace(rules, guests_verified=data["guests_verified"], anyone_verified=proof, **ways)
    rules = without_idle_codes(rules)
    if is_ordered(rules):
        return rules, ()
    moved: set[Row] = set()
    for row in edited:
        rules, also = ordered(rules, row)
        moved |= set(also)
    return without_idle_codes(rules), tuple(row for row in ROWS if row in moved)


def _is_changed(name: str, data: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    return (data[name] or None) != (shown.get(name) or None)


def _edited(posted: Mapping[Row, Way], was_rows: str) -> list[Row]:
    """Rows that differ from what the form showed; all of them where it doesn't say what it showed."""
    shown = was_rows.split(",")
    if len(shown) != len(ROWS):
        return list(ROWS)
    return [row for row, way in zip(ROWS, shown, strict=True) if posted[row] != way]

"""Names that can be mistaken for one another. Pure, but for the table of look-alikes that it reads once.

A name is typed by its bearer and proves nothing; hosts are warned when somebody's name, at the door or inside, looks
like that of somebody else who is inside, at the door too, or expected. Compared is a skeleton after Unicode TS #39:
compatibility forms folded (NFKC), look-alikes of every script replaced by what they look like, case, accents, spacing
and invisible characters dropped. Beyond TS #39 case doesn't count, and neither do shapes that only some typefaces tell
apart.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meetings.doortable import Row
from meetings.signaling.fields import BLANK_LETTERS

if TYPE_CHECKING:
    from meetings.live.seats import Person

_TABLE = Path(__file__).with_name("confusables.txt")

# What people read as a letter although it is none, and letters to which the table leads that look like Latin ones too.
_READ_AS = str.maketrans("01|!35$@ʙʜĸʍᴛꞓþμχω", "olllessabhkmtepuxw")


@functools.cache
def _looks_like() -> dict[int, str]:
    """What each character of the table looks like, for `str.translate`."""
    lines = [line for line in _TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    shapes = [line.split(" ", 1) for line in lines]
    return {ord(character): shape for shape, characters in shapes for character in characters}


@functools.lru_cache(maxsize=1024)
def skeleton(name: str) -> str:
    """Returns what two confusable names have in common. Remembered: every change in a room asks for all names again."""
    # Twice: capitals look like other letters than their small ones do, and folding case makes new characters.
    shaped = _plain(unicodedata.normalize("NFKC", name)).translate(_looks_like())
    folded = _plain(shaped.casefold()).translate(_looks_like()).casefold().translate(_READ_AS)
    # "l" and "i" are one shape in many typefaces once they stand alone; so are "rn" and "m", "vv" and "w".
    plain = folded.replace("l", "i").replace("rn", "m").replace("vv", "w")
    return "".join(c for c in plain if c.isalnum())


def _plain(text: str) -> str:
    """Without accents, spacing and what can't be seen."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(c for c in parts if unicodedata.category(c)[0] not in "MCZ" and c not in BLANK_LETTERS)


def skeletons(names: Iterable[str]) -> frozenset[str]:
    """Returns what to compare newcomers with: once for many of them. A name without letters is like no other."""
    return frozenset(skeleton(name) for name in names) - {""}


@dataclass(frozen=True)
class Named:
    """Somebody who is invited: the name, and the invitation and account (or "") by which they would come."""

    name: str
    invitation_id: str
    user_id: str


def name_cautions(
    waiting: Mapping[str, Person], inside: Mapping[str, Person], hosts: Iterable[str], expected: Iterable[Named]
) -> dict[str, list[str]]:
    """For each who waits or is inside, by id, why their name should make a host look twice.

    name_in_use: like that of somebody else inside or of a host; name_at_door: like that of somebody else at the door;
    name_expected: like that of somebody who is invited, and they didn't come by that invitation. Whoever walks in has
    stood at no door, so that hosts looked at nobody. A host's own name is theirs.
    """
    of_hosts = skeletons(hosts)
    at_door = Counter(skeleton(person.name) for person in waiting.values())
    bearers: dict[str, set[str]] = {}
    for key, person in inside.items():
        bearers.setdefault(skeleton(person.name), set()).add(person.user_id or key)
    invited: dict[str, list[Named]] = {}
    for one in expected:
        invited.setdefault(skeleton(one.name), []).append(one)
    found: dict[str, list[str]] = {}
    for key, person in (*waiting.items(), *inside.items()):
        shape = skeleton(person.name)
        if not shape or person.kind == Row.HOST:
            found[key] = []
            continue
        is_other = bool(bearers.get(shape, set()) - {person.user_id or key})
        others = [one for one in invited.get(shape, []) if not _is_theirs(one, person)]
        found[key] = [
            *(["name_in_use"] if is_other or shape in of_hosts else []),
            *(["name_at_door"] if key in waiting and at_door[shape] > 1 else []),
            *(["name_expected"] if others and len(others) == len(invited[shape]) else []),
        ]
    return found


def _is_theirs(one: Named, person: Person) -> bool:
    return one.invitation_id == person.invitation_id or (bool(one.user_id) and one.user_id == person.user_id)


def is_confusable(name: str, others: frozenset[str]) -> bool:
    """Says whether `name` could pass for one of those whose `skeletons` are given."""
    return skeleton(name) in others

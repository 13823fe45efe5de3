"""Names that can be mistaken for one another. Pure.

A name is typed by its bearer and proves nothing; hosts are warned when a waiting person's name looks like that of
somebody who is already inside. Compared is a skeleton (after Unicode TS #39, in small): compatibility forms
folded, case and accents dropped, invisible characters and spacing removed, letters of other scripts replaced by
the Latin ones they look like.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable

# Pairs of "what it looks like" and the characters that do.
_LOOK_ALIKES = (
    # Cyrillic
    ("a", "а"), ("b", "в"), ("c", "с"), ("d", "ԁ"), ("e", "её"), ("h", "һн"), ("i", "ії"), ("j", "ј"), ("k", "к"),
    ("l", "ӏ"), ("m", "м"), ("o", "о"), ("p", "р"), ("q", "ԛ"), ("r", "г"), ("s", "ѕ"), ("t", "т"), ("y", "у"),
    ("v", "ѵ"), ("w", "ԝ"), ("x", "х"),
    # Greek
    ("a", "α"), ("b", "β"), ("c", "ϲ"), ("e", "ε"), ("n", "η"), ("i", "ι"), ("k", "κ"), ("v", "ν"), ("o", "οσ"),
    ("p", "ρ"), ("t", "τ"), ("u", "υμ"), ("x", "χ"), ("w", "ω"),
    # Armenian
    ("o", "օ"), ("u", "ս"), ("h", "հ"), ("n", "ո"), ("g", "ց"), ("w", "ա"),
    # Latin letters that do not decompose, and look-alike digits and signs
    ("o", "ø0"), ("d", "đ"), ("h", "ħ"), ("l", "ł1|!"), ("t", "ŧ"), ("i", "ı"), ("a", "ɑ@"), ("g", "ɡ"), ("c", "ꞓ"),
    ("ss", "ß"), ("ae", "æ"), ("oe", "œ"), ("e", "3"), ("s", "5$"),
)  # fmt: skip
# Greek capitals look like other Latin letters than their small ones do.
_CAPITALS = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX")
_LOOKS_LIKE = str.maketrans({character: plain for plain, characters in _LOOK_ALIKES for character in characters})


@functools.lru_cache(maxsize=1024)
def skeleton(name: str) -> str:
    """Returns what two confusable names have in common. Remembered: every change in a room asks for all names again."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).translate(_CAPITALS).casefold())
    latin = "".join(c for c in folded if unicodedata.category(c)[0] not in "MCZ").translate(_LOOKS_LIKE)
    # "l" and "i" are one shape in many typefaces once they stand alone; so are "rn" and "m", "vv" and "w".
    plain = latin.replace("l", "i").replace("rn", "m").replace("vv", "w")
    return "".join(c for c in plain if c.isalnum())


def skeletons(names: Iterable[str]) -> frozenset[str]:
    """Returns what to compare newcomers with: once for many of them. A name without letters is like no other."""
    return frozenset(skeleton(name) for name in names) - {""}


def is_confusable(name: str, others: frozenset[str]) -> bool:
    """Says whether `name` could pass for one of those whose `skeletons` are given."""
    return skeleton(name) in others

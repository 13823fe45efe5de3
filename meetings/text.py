"""Text that people typed, made safe to show in one line. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

BIDI_CONTROLS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows them: they let a name rewrite the line it stands in."""


def clean_line(text: str, longest: int) -> str:
    """One line without control and direction characters, NFC, single spaces, at most `longest` characters."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(" " if sign.isspace() else sign for sign in composed if _is_kept(sign))
    return " ".join(kept.split())[:longest].rstrip()


def clean_text(text: str, longest: int) -> str:
    """As `clean_line`, but lines stay lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(clean_line(line, longest) for line in lines).strip()[:longest].rstrip()


def _is_kept(sign: str) -> bool:
    return sign.isspace() or (sign not in BIDI_CONTROLS and unicodedata.category(sign) not in {"Cc", "Cs", "Co", "Cn"})

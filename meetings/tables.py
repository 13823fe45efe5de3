"""Tables as CSV (RFC 4180) that no spreadsheet takes for a program: names are typed by strangers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

FORMULA_SIGNS: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet calculate a cell; the full-width signs count in some of them."""


def plain_cell(text: str) -> str:
    """Text that stays text: an apostrophe before what would be a formula, also behind spaces. NULs go."""
    text = text.replace("\0", "")
    starts = {text[:1], text.lstrip()[:1]} - {""}
    return f"'{text}" if starts & FORMULA_SIGNS else text


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    """Lines of a table. Numbers are written as they are, everything else as plain text; None is an empty cell."""
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, int):
        return value
    return "" if value is None else plain_cell(str(value))

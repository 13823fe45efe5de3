"""What a page's style sheets may weigh, and where colours are written down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSS = ROOT / "static" / "css"
MOST_BYTES = 60 * 1024
EVERY_PAGE = ("tokens", "base")
PAGES = {"the portal's pages": ("portal",), "the API's document": ("portal", "api"), "door and room": ("room",)}


@pytest.mark.parametrize("page", PAGES)
def test_no_page_loads_more_than_sixty_kibibytes(page: str) -> None:
    assert sum((CSS / f"{name}.css").stat().st_size for name in (*EVERY_PAGE, *PAGES[page])) <= MOST_BYTES


def test_every_style_sheet_belongs_to_a_page() -> None:
    assert {path.stem for path in CSS.glob("*.css")} == {
        *EVERY_PAGE,
        *(name for page in PAGES.values() for name in page),
    }


def test_colours_are_written_in_the_tokens_only() -> None:
    for path in CSS.glob("*.css"):
        found = re.findall(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(", path.read_text(), re.IGNORECASE)
        assert path.stem == "tokens" or found == [], path.name

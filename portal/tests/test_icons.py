"""The sprite holds the icons that pages draw, and no others: every visitor fetches all of it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DRAWN = re.compile(r'''\{% icon "([a-z0-9-]+)"|\bicon\("([a-z0-9-]+)"|\bicon: "([a-z0-9-]+)"''')


def _sources() -> list[str]:
    found = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/js/**/*.js")]
    for package in ("meetings", "portal"):
        found += [path for path in ROOT.glob(f"{package}/**/*.py") if "tests" not in path.parts]
    return [path.read_text() for path in found]


def _in_the_sprite() -> set[str]:
    return set(re.findall(r'id="i-([a-z0-9-]+)"', (ROOT / "static/icons/sprite.svg").read_text()))


def test_every_icon_that_a_page_draws_is_in_the_sprite() -> None:
    drawn = {name for text in _sources() for names in DRAWN.findall(text) for name in names if name}
    assert len(drawn) > 20
    assert drawn - _in_the_sprite() == set()


def test_every_icon_of_the_sprite_is_named_somewhere() -> None:
    named = {name for text in _sources() for name in re.findall(r'["`]([a-z0-9-]+)["`]', text)}
    assert _in_the_sprite() - named == set()

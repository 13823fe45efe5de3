"""Long lists of choices are written as Django writes them, and nothing in them is markup."""

from __future__ import annotations

from django import forms

from meetings.longselect import LongSelect

CHOICES = [("", "None"), ("Europe", [("Europe/Oslo", "Oslo & around"), ("x\"><b>'", "<i>")]), ("UTC", "UTC")]


def test_it_writes_what_a_select_writes() -> None:
    for chosen in ("Europe/Oslo", "UTC", "", None, "elsewhere"):
        ours = LongSelect(attrs={"class": "input"}, choices=CHOICES).render("zone", chosen, {"id": "id_zone"})
        django = forms.Select(attrs={"class": "input"}, choices=CHOICES).render("zone", chosen, {"id": "id_zone"})
        assert _plain(ours) == _plain(django)
    assert "<b>" not in ours
    assert "<i>" not in ours


def _plain(html: str) -> list[str]:
    return "".join(line.strip() for line in html.splitlines()).replace("> ", ">").replace(" <", "<").split("<")

"""Door templates as forms and programs offer them: named by an administrator, picked like a preset. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from meetings.door import Rules
from meetings.doorlimits import Limits, broken, within
from meetings.models import DoorTemplate
from meetings.rulebook import stored_rules

PREFIX = "template:"
"""What the value of a template's radio button starts with."""


@dataclass(frozen=True)
class Offer:
    """A template beside the presets. `is_off`: the organisation's limits don't allow what it says any more."""

    value: str
    name: str
    about: str
    rules: Rules
    is_off: bool


def offers(limits: Limits) -> list[Offer]:
    """All templates, by name."""
    return [offer_of(one, limits) for one in DoorTemplate.objects.order_by("name")]


def offered(limits: Limits) -> dict[str, Rules]:
    """The rules of those that may be picked, by the value of their radio button."""
    return {one.value: one.rules for one in offers(limits) if not one.is_off}


def named(name: str, limits: Limits) -> Offer | None:
    """The template of a name, however it is written."""
    found = DoorTemplate.objects.filter(name__iexact=name).first()
    return offer_of(found, limits) if found is not None else None


def offer_of(template: DoorTemplate, limits: Limits) -> Offer:
    """A template as far as the limits let it."""
    rules = stored_rules(template)
    return Offer(
        f"{PREFIX}{template.pk}", template.name, template.about, within(rules, limits), bool(broken(rules, limits))
    )

"""Door templates: everybody may read them, administrators keep them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from meetings import door_templates
from meetings.doorlimits import Limits
from meetings.models import DoorTemplate
from meetings.rulebook import stored_rules
from meetings.selectors import limits_now
from meetings.services import templates
from portal.api.meetings import rules_from, shown_door, shown_options
from portal.api.operations import operation
from portal.api.organisation import administrator
from portal.api.problems import Problem, invalid
from portal.api.schemas.doors import DoorTemplateChange, DoorTemplateIn, DoorTemplateOut, DoorTemplates

router = Router()
TAG: Final = "The door"


@operation(router, "GET", "/door-templates", scope="read", answer=DoorTemplates, tag=TAG)
def list_door_templates(request: HttpRequest) -> dict[str, Any]:
    """Door templates of the organisation

    At most 50, by name. Give one to a meeting as `door: {"template": name}`.
    """
    return {"items": [_offered(one) for one in door_templates.offers(limits_now())]}


@operation(
    router,
    "POST",
    "/door-templates",
    scope="write",
    answer=DoorTemplateOut,
    status=201,
    problems=("admins_only",),
    tag=TAG,
)
def make_door_template(request: HttpRequest, data: DoorTemplateIn) -> dict[str, Any]:
    """Make a door template

    What is absent is as the organisation settled it for new meetings. Administrators only.
    """
    user, limits = administrator(request), limits_now()
    return _shown(templates.make_template(user, data.name, rules_from(limits.start, data), data.about), limits)


@operation(
    router,
    "PATCH",
    "/door-templates/{template_id}",
    scope="write",
    answer=DoorTemplateOut,
    problems=("admins_only", "not_found"),
    tag=TAG,
)
def change_door_template(request: HttpRequest, template_id: UUID, data: DoorTemplateChange) -> dict[str, Any]:
    """Change a door template

    Meetings that started from it keep their door. Administrators only.
    """
    user, template = administrator(request), _found(template_id)
    given = data.model_fields_set
    if not given:
        raise invalid("", "Name at least one field to change.")
    templates.change_template(
        user,
        template,
        name=data.name if "name" in given else None,
        about=data.about if "about" in given else None,
        rules=rules_from(stored_rules(template), data) if given - {"name", "about"} else None,
    )
    return _shown(_found(template_id), limits_now())


@operation(
    router,
    "DELETE",
    "/door-templates/{template_id}",
    scope="write",
    status=204,
    problems=("admins_only", "not_found"),
    tag=TAG,
)
def delete_door_template(request: HttpRequest, template_id: UUID) -> HttpResponse:
    """Delete a door template

    Meetings that started from it keep their door. Administrators only.
    """
    templates.delete_template(administrator(request), _found(template_id))
    return HttpResponse(status=204)


def _found(template_id: UUID) -> DoorTemplate:
    found = DoorTemplate.objects.filter(pk=template_id).first()
    if found is None:
        raise Problem("not_found")
    return found


def _shown(template: DoorTemplate, limits: Limits) -> dict[str, Any]:
    return _offered(door_templates.offer_of(template, limits))


def _offered(offer: door_templates.Offer) -> dict[str, Any]:
    return {
        "id": offer.value.removeprefix(door_templates.PREFIX),
        "name": offer.name,
        "about": offer.about,
        "available": not offer.is_off,
        "door": shown_door(offer.rules),
        "door_opens_minutes": offer.rules.opens_minutes,
        "options": shown_options(offer.rules),
    }

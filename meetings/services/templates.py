"""Door templates, kept by administrators. A template is a start: meetings that took it don't follow its changes."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from meetings import audit
from meetings.door import Rules
from meetings.models import DoorTemplate
from meetings.selectors import limits_now
from meetings.services.doorrules import check_choice, set_rules
from meetings.services.errors import Wrong
from meetings.services.organisation import require_administrator
from meetings.text import clean_line

NAME_LENGTH = 60
ABOUT_LENGTH = 160
MAX_TEMPLATES = 50


def make_template(by: Any, name: str, rules: Rules, about: str = "") -> DoorTemplate:
    """Raises `NotAnAdministrator`, or `Wrong`: for a name that is none or taken, for rules that no door can have, and
    for what the limits don't allow.
    """
    with transaction.atomic():
        account = require_administrator(by)
        if DoorTemplate.objects.count() >= MAX_TEMPLATES:
            raise Wrong("name", "too_many", _("At most %(count)d templates.") % {"count": MAX_TEMPLATES})
        check_choice(rules, limits_now())
        template = DoorTemplate(name=_name(name), about=clean_line(about, ABOUT_LENGTH))
        set_rules(template, rules)
        template.save()
        audit.record("organisation.template_made", actor=account, target=template.name)
    return template


def change_template(
    by: Any, template: DoorTemplate, *, name: str | None = None, about: str | None = None, rules: Rules | None = None
) -> None:
    """What is not given stays. As `make_template`."""
    with transaction.atomic():
        account = require_administrator(by)
        DoorTemplate.objects.select_for_update().get(pk=template.pk)
        template.refresh_from_db()
        was = template.name
        if name is not None:
            template.name = _name(name, template)
        if about is not None:
            template.about = clean_line(about, ABOUT_LENGTH)
        if rules is not None:
            set_rules(template, check_choice(rules, limits_now()))
        template.save()
        audit.record("organisation.template_changed", actor=account, target=template.name, was=was)


def delete_template(by: Any, template: DoorTemplate) -> None:
    """Meetings that started from it keep their door."""
    with transaction.atomic():
        account = require_administrator(by)
        audit.record("organisation.template_deleted", actor=account, target=template.name)
        template.delete()


def _name(name: str, template: DoorTemplate | None = None) -> str:
    cleaned = clean_line(name, NAME_LENGTH + 1)
    if not cleaned:
        raise Wrong("name", "required", _("Enter a name."))
    if len(cleaned) > NAME_LENGTH:
        raise Wrong("name", "too_long", _("At most %(count)d characters.") % {"count": NAME_LENGTH})
    others = DoorTemplate.objects.exclude(pk=template.pk) if template is not None else DoorTemplate.objects.all()
    if others.filter(name__iexact=cleaned).exists():
        raise Wrong("name", "taken", _("There is a template of this name already."))
    return cleaned

"""Door templates: listed, made, changed, deleted. The services write."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from meetings import door_templates, doorform
from meetings.door import COLUMN, EASE, ORDER, Row, Rules, Way
from meetings.doorfields import DoorForm, text_input
from meetings.doorlimits import RIGHTS, Limits, presets_offered
from meetings.models import DoorTemplate
from meetings.rulebook import stored_rules
from meetings.selectors import limits_now
from meetings.services import templates
from meetings.services.doorrules import FORM_FIELDS
from meetings.services.errors import Wrong
from meetings.views import words
from portal.pages.admins import administrators_only


class TemplateForm(DoorForm):
    """A door under a name."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=templates.NAME_LENGTH,
        widget=text_input(),
        error_messages={"required": gettext_lazy("Enter a name.")},
    )
    about = forms.CharField(
        label=gettext_lazy("What it is for"), max_length=templates.ABOUT_LENGTH, required=False, widget=text_input()
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            data["rules"], self.also_changed = self.settled(data)
        return data


@administrators_only
@require_http_methods(["GET", "HEAD"])
def all_templates(request: HttpRequest) -> HttpResponse:
    """Every template, with what its door does."""
    limits = limits_now()
    rows = [
        {
            "id": one.value.removeprefix(door_templates.PREFIX),
            "name": one.name,
            "about": one.about,
            "is_off": one.is_off,
            "door": words.summary(one.rules),
        }
        for one in door_templates.offers(limits)
    ]
    return render(request, "portal/templates.html", {"here": "organisation", "section": "templates", "rows": rows})


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The empty form; a POST makes the template."""
    limits = limits_now()
    form = TemplateForm(request.POST or None, initial=doorform.initial(limits.start), label_suffix="")
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            templates.make_template(request.user, data["name"], data["rules"], data["about"])
        except Wrong as wrong:
            _say(form, wrong)
        else:
            return _done(request, form, _("Hosts can start from %(name)s now.") % {"name": data["name"]})
    return _page(request, form, limits)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, template_id: Any) -> HttpResponse:
    """Another name, another door. Meetings that started from it keep theirs."""
    template, limits = _template(template_id), limits_now()
    initial = {"name": template.name, "about": template.about, **doorform.initial(stored_rules(template))}
    form = TemplateForm(request.POST or None, initial=initial, label_suffix="")
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            templates.change_template(
                request.user, template, name=data["name"], about=data["about"], rules=data["rules"]
            )
        except Wrong as wrong:
            _say(form, wrong)
        else:
            return _done(request, form, _("Saved. Meetings that started from it keep their door."))
    return _page(request, form, limits, template)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, template_id: Any) -> HttpResponse:
    """Asks once."""
    template = _template(template_id)
    back = reverse("organisation-templates")
    if request.method == "POST":
        templates.delete_template(request.user, template)
        messages.success(request, _("%(name)s is deleted.") % {"name": template.name})
        return redirect(back)
    context = {
        "here": "organisation",
        "question": _("Delete the template %(name)s?") % {"name": template.name},
        "about": _("Meetings that started from it keep their door."),
        "verb": _("Delete the template"),
        "keep": _("Keep it"),
        "back": back,
        "back_name": _("Templates"),
    }
    return render(request, "meetings/ask.html", context)


def _template(template_id: Any) -> DoorTemplate:
    found = DoorTemplate.objects.filter(pk=template_id).first()
    if found is None:
        raise Http404
    return found


def _say(form: TemplateForm, wrong: Wrong) -> None:
    for name, message in wrong.each:
        field = FORM_FIELDS.get(name, name.rpartition(".")[2])
        form.add_error(field if field in form.fields else None, message)


def _done(request: HttpRequest, form: TemplateForm, said: str) -> HttpResponse:
    messages.success(request, said)
    if form.also_changed:
        rows = ", ".join(words.row_name_anywhere(row) for row in form.also_changed)
        told = _("Also changed, so that nobody less known gets in more easily: %(rows)s.")
        messages.info(request, told % {"rows": rows})
    return redirect("organisation-templates")


def _page(
    request: HttpRequest, form: TemplateForm, limits: Limits, template: DoorTemplate | None = None
) -> HttpResponse:
    context = {
        "here": "organisation",
        "section": "templates",
        "form": form,
        "template": template,
        "presets": words.presets(presets_offered(limits)),
        "rows": [_row(form, limits, row) for row in doorform.ROWS],
        "options": [form[name] for name in ("opens", "without_host", "lock_after", "capacity", *RIGHTS)],
        "switches": [form["mics_start_off"]],
        "page_data": {
            "presets": words.preset_tables(),
            "order": [[COLUMN[better], COLUMN[lesser]] for better, lesser in ORDER],
            "ease": {way.value: ease for way, ease in EASE.items()},
            "rows": {COLUMN[row]: words.row_name_anywhere(row) for row in doorform.ROWS},
            "also": _("Also changed: {rows}."),
        },
    }
    return render(request, "portal/template.html", context, status=422 if form.errors else 200)


def _row(form: TemplateForm, limits: Limits, row: Row) -> dict[str, Any]:
    shown = str(form[COLUMN[row]].value())
    kept = Way(shown) if shown in set(Way) else Rules().way(row)
    choices = words.choices(row, limits, kept)
    return {"field": COLUMN[row], "name": words.row_name_anywhere(row), "value": kept.value, **choices}

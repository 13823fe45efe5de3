"""What templates draw again and again: icons, avatars, an outcome of the door, the theme, readable lengths of time.

Knows words and looks only; decides nothing and reads no rows.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BaseForm
from django.forms.boundfield import BoundField
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meetings.audit.kinds import Result

register = template.Library()

THEMES = ("system", "light", "dark")
THEME_COOKIE = "lintel_theme"

_WAY_LOOKS = {
    "walks_in": ("in", "door-open"),
    "knocks": ("wait", "bell"),
    "turned_away": ("no", "door-closed-locked"),
}

_OUTCOME_LOOKS = {
    Result.ALLOWED: ("in", "door-open"),
    Result.WAITING: ("wait", "bell"),
    Result.REFUSED: ("no", "door-closed-locked"),
    Result.FAILED: ("open", "circle-alert"),
    Result.DONE: ("", ""),
}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A Lucide icon out of the sprite. Decorative: the words beside it, or its button's label, carry the meaning."""
    return format_html(
        '<svg class="i{}" aria-hidden="true" focusable="false"><use href="{}#i-{}"/></svg>',
        f" {extra}" if extra else "",
        static("icons/sprite.svg"),
        name,
    )


@register.simple_tag
def brand_mark() -> SafeString:
    """The beam over the door, as drawn beside the product's name."""
    return SafeString(
        '<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        '<path class="frame" d="M1.5 3h21v5h-3v13h-4V8h-7v13h-4V8h-3z"/><path class="leaf" d="M8.5 8h7v13h-7z"/></svg>'
    )


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """The visitor's choice of `system`, `light` or `dark`, from a cookie; `system` where none is set."""
    request = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE, "") if request is not None else ""
    return chosen if chosen in THEMES else "system"


def initials(name: str) -> str:
    """Up to two letters that stand for a person: first and last word of a name, or the first letter of an address."""
    words = [word for word in name.partition("@")[0].replace("·", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    if "@" in name or len(words) == 1:
        return words[0][0].upper()
    return (words[0][0] + words[-1][0]).upper()


@register.simple_tag
def avatar(name: str, guest: bool = False) -> SafeString:
    """Initials in a disc: filled for people with an account, outlined for guests. Silent to screen readers."""
    return format_html(
        '<span class="av{}" aria-hidden="true">{}</span>', " av-guest" if guest else "", initials(str(name))
    )


def way_words(way: str, *, plural: bool = False) -> str:
    """The three answers of the door, as said of one person or of several."""
    words = {
        "walks_in": (_("walks in"), _("walk in")),
        "knocks": (_("knocks"), _("knock")),
        "turned_away": (_("turned away"), _("turned away")),
    }
    return words[str(way)][plural]


@register.simple_tag
def way(value: str, text: str = "", plural: bool = False) -> SafeString:
    """An outcome of the door as the same chip everywhere: icon, colour and word together."""
    look, name = _WAY_LOOKS[str(value)]
    words = text or way_words(value, plural=plural)
    return format_html('<span class="way way-{}">{}{}</span>', look, icon(name), words)


@register.simple_tag
def outcome(result: Result) -> SafeString:
    """How an entry of the log came out: the door's chips for what the door says, a tag for the rest."""
    look, name = _OUTCOME_LOOKS[result]
    if not look:
        return format_html('<span class="meta">{}</span>', result.label)
    return format_html('<span class="way way-{}">{}{}</span>', look, icon(name), result.label)


@register.filter
def length(minutes: int) -> str:
    """Minutes as people say them: "45 min", "1 h", "1 h 30"."""
    hours, rest = divmod(int(minutes), 60)
    if not hours:
        return ngettext("%(count)d min", "%(count)d min", rest) % {"count": rest}
    if not rest:
        return _("%(hours)d h") % {"hours": hours}
    return _("%(hours)d h %(minutes)02d") % {"hours": hours, "minutes": rest}


def length_in_full(minutes: int) -> str:
    """The same where there is more room: "45 min", "1 hour", "1 hour 30 min"."""
    hours, rest = divmod(int(minutes), 60)
    said = []
    if hours:
        said.append(ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours})
    if rest:
        said.append(ngettext("%(count)d min", "%(count)d min", rest) % {"count": rest})
    return " ".join(said)


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, hint: str = "", **attributes: str) -> dict[str, Any]:
    """A labelled control with its hint and its errors, tied together for screen readers.

    Further keywords become attributes of the control (`autocomplete="name"`; an underscore in a name is a hyphen).
    """
    described = [f"{bound.id_for_label}_hint"] if hint else []
    described += [f"{bound.id_for_label}_error"] if bound.errors else []
    attrs: dict[str, Any] = {name.replace("_", "-"): value for name, value in attributes.items()}
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    attrs.setdefault("class", bound.field.widget.attrs.get("class", "input"))
    return {"bound": bound, "control": bound.as_widget(attrs=attrs), "hint": hint}


@register.inclusion_tag("components/summary.html")
def error_summary(form: BaseForm | None) -> dict[str, Any]:
    """What is wrong with a form, said first and once; each line leads to its field. Nothing when nothing is wrong."""
    problems: list[tuple[str, str]] = []
    if form is not None and form.is_bound:
        problems = [("", message) for message in form.non_field_errors()]
        for bound in form.visible_fields():
            problems += [(bound.id_for_label or f"id_{bound.name}", message) for message in bound.errors]
    return {"problems": problems}

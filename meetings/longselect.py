"""A list of hundreds of choices, such as time zones, as a control of a form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe


class LongSelect(forms.Select):
    """Writes all of its choices at once. Django renders a template for each, a tenth of a second for all time zones."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        chosen = "" if value is None else str(value)
        own = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>{}</select>', name, own, _options(self.choices, chosen))


def _options(choices: Iterable[Any], chosen: str) -> SafeString:
    written = []
    for value, label in choices:
        if isinstance(label, list | tuple):
            written.append(format_html('<optgroup label="{}">{}</optgroup>', value, _options(label, chosen)))
        else:
            selected = " selected" if str(value) == chosen else ""
            written.append(
                f'<option value="{conditional_escape(value)}"{selected}>{conditional_escape(label)}</option>'
            )
    return mark_safe("".join(written))  # noqa: S308 - every part is escaped above

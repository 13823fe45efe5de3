"""What only PostgreSQL minds, or does otherwise, looked for in the source: the other tests run on SQLite.

`TESTS_DATABASE_URL` runs any of them on PostgreSQL (portal/test_settings.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parents[1]
NEVER_EMPTY = {
    "original_at",  # asked for among occurrences that a rule has made
    "used_at",  # of codes that were used
}
"""Columns that may be empty in general, but not where rows are put in their order."""


def calls(method: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a method of this name in our own code, and where it is."""
    for package in ("meetings", "portal"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.parts):
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_rows_are_locked_without_those_that_may_not_be_there() -> None:
    """PostgreSQL refuses to lock the empty side of an outer join, which `select_related` makes of an empty column."""
    for place, call in calls("select_for_update"):
        assert isinstance(call.func, ast.Attribute)
        names_itself = any(word.arg == "of" for word in call.keywords)
        of_one_table = ast.unparse(call.func.value).endswith(".objects")
        assert names_itself or of_one_table, f'{place}: select_for_update(of=("self",))'


def test_the_order_says_where_empty_values_stand() -> None:
    """SQLite takes them for the least, PostgreSQL for the greatest."""
    ours = [model for model in apps.get_models() if model._meta.app_label in {"meetings", "portal"}]
    empty = {field.name for model in ours for field in model._meta.fields if field.null} - NEVER_EMPTY
    for place, call in calls("order_by"):
        for word in call.args:
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                last = word.value.lstrip("-").rpartition("__")[2]
                assert last not in empty, f"{place}: F({last!r}).asc(nulls_first=True), or as it is meant"
    for model in ours:
        its_own = {field.name for field in model._meta.fields if field.null}
        assert not {str(name).lstrip("-") for name in model._meta.ordering} & its_own, model

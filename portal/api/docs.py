"""The API's reference page, made from the OpenAPI document on the server: no script and nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from meetings.webhooks.events import EVENTS
from portal.api.problems import PROBLEMS


@dataclass(frozen=True)
class FieldRow:
    name: str
    type: str
    required: bool
    description: str
    default: str = ""


@dataclass(frozen=True)
class OperationEntry:
    """One operation, in the order in which people read about it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: tuple[FieldRow, ...]
    body: tuple[FieldRow, ...]
    answer_status: str
    answer: tuple[FieldRow, ...]
    codes: tuple[str, ...]


def reference(request: HttpRequest) -> HttpResponse:
    """The page at /api/v1/docs. Says the same to everybody."""
    from portal.api.v1 import api

    problems = [{"code": code, "status": status, "title": gettext(title)} for code, (status, title) in PROBLEMS.items()]
    return render(
        request,
        "api/docs.html",
        {"groups": grouped(api.document_text()), "problems": problems, "events": EVENTS, "here": "help"},
    )


@lru_cache(maxsize=1)
def grouped(document_text: str) -> dict[str, list[OperationEntry]]:
    """The operations of an OpenAPI document by their tag."""
    document = json.loads(document_text)
    schemas = document["components"]["schemas"]
    groups: dict[str, list[OperationEntry]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_entry(method, path, operation, schemas))
    return groups


def _entry(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> OperationEntry:
    responses = operation["responses"]
    status = next(code for code in responses if code.startswith("2"))
    return OperationEntry(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        scope=operation["x-scope"],
        parameters=tuple(
            FieldRow(
                one["name"],
                _type(one["schema"], schemas),
                one["required"],
                one.get("description", ""),
                _default(one["schema"]),
            )
            for one in operation["parameters"]
        ),
        body=tuple(_rows(_json_schema(operation.get("requestBody", {})), schemas)),
        answer_status=status,
        answer=tuple(_rows(_json_schema(responses[status]), schemas)),
        codes=tuple(code for answer in responses.values() for code in answer.get("x-codes", ())),
    )


def _json_schema(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    return holder.get("content", {}).get("application/json", {}).get("schema", {})


def _resolve(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _rows(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str = "", depth: int = 3
) -> Iterator[FieldRow]:
    schema = _resolve(schema, schemas)
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        # Whether a part of a field that may be absent is required would be read as if the field were.
        is_required = name in required and not prefix
        yield FieldRow(prefix + name, _type(field, schemas), is_required, field.get("description", ""), _default(field))
        if depth:
            for part in (field, *field.get("anyOf", ()), *field.get("allOf", ())):
                if "$ref" in part:
                    yield from _rows(part, schemas, f"{prefix}{name}.", depth - 1)
                elif "$ref" in part.get("items", {}):
                    yield from _rows(part["items"], schemas, f"{prefix}{name}[].", depth - 1)


def _default(schema: Mapping[str, Any]) -> str:
    """What an absent field means, as JSON; "" where that goes without saying."""
    value = schema.get("default")
    return json.dumps(value, ensure_ascii=False) if value not in (None, "", []) else ""


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return gettext(" or ").join(_type(part, schemas) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "$ref" in schema or "allOf" in schema:
        return gettext("object")
    if schema.get("type") == "array":
        return gettext("list of %(what)s") % {"what": _type(schema.get("items", {}), schemas)}
    words = str(schema.get("format") or schema.get("type") or gettext("anything"))
    bounds = [str(schema[key]) for key in ("minimum", "maximum") if key in schema]
    if len(bounds) == 2:
        words += f" {bounds[0]}–{bounds[1]}"
    if "maxLength" in schema and words != "email":
        words += f" ≤ {schema['maxLength']}"
    return words

"""What is checked before an operation sees a request: size, type and strictness of the body, names of parameters."""

from __future__ import annotations

import json
from typing import Any, Final

from django.http import HttpRequest
from ninja.parser import Parser

from portal.api.problems import Problem

MAX_BODY_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 16


class StrictParser(Parser):
    """JSON as RFC 8259 means it, with what parsers disagree about refused: repeated names, NaN, deep nesting."""

    def parse_body(self, request: HttpRequest) -> Any:
        # ninja turns whatever is raised here into its own 400; `check_body` has raised our problem before.
        return strict_json(request.body)


def strict_json(body: bytes) -> dict[str, Any]:
    """The one JSON object in `body`. Raises Problem("bad_json")."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse, parse_int=_integer)
    except (ValueError, RecursionError) as wrong:
        raise Problem("bad_json") from wrong
    if not isinstance(found, dict):
        raise Problem("bad_json")
    _bound(found, MAX_DEPTH)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("a number is too long")
    return int(digits)


def _bound(value: Any, depth: int) -> None:
    if depth == 0:
        raise Problem("bad_json")
    if isinstance(value, str):
        # Lone surrogates can't be stored or sent; U+0000 is refused by PostgreSQL.
        if "\x00" in value or any(0xD800 <= ord(char) <= 0xDFFF for char in value):
            raise Problem("bad_json")
        return
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(name, str):
            _bound(name, depth)
        _bound(part, depth - 1)


def check(request: HttpRequest, known_parameters: frozenset[str], takes_body: bool) -> None:
    """Refuses a request whose form is wrong, before anything is read from the database for it."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES or len(request.body) > MAX_BODY_BYTES:
        raise Problem("too_large")
    for name in request.GET:
        if name not in known_parameters:
            raise Problem("invalid", errors=[(name[:80], "There is no such parameter.")])
        if len(request.GET.getlist(name)) > 1:
            raise Problem("invalid", errors=[(name, "Give it once.")])
    if request.body:
        if not takes_body:
            raise Problem("invalid", errors=[("", "This operation takes no body.")])
        if request.content_type != "application/json":
            raise Problem("not_json")
        strict_json(request.body)

"""Every error of the API: an RFC 9457 problem document with a stable `code`.

Codes are part of the contract. Programs branch on `code`; people read `title` and `detail`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from ninja import Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import ConfigDict, Field

from meetings.admission import IllegalEvent
from meetings.services.errors import NotAHost, NotAnAdministrator, Wrong

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 20

PROBLEMS: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "bad_json": (400, _("The body is not one JSON object.")),
        "unauthenticated": (401, _("No API token, or one that is unknown, revoked or whose account is inactive.")),
        "scope_missing": (403, _("The token lacks the scope that this operation needs.")),
        "not_a_host": (403, _("Only hosts of the meeting may do this.")),
        "admins_only": (403, _("Only administrators may do this.")),
        "not_found": (404, _("There is nothing here for this token.")),
        "method_not_allowed": (405, _("This address does not know this method.")),
        "wrong_state": (409, _("What is there now does not allow this.")),
        "encrypted_room": (
            409,
            _("The meeting is end-to-end encrypted, and the server can’t read what is said in it."),
        ),
        "already_invited": (409, _("This address is invited already.")),
        "changed": (409, _("They gave another name since. Look who is at the door now.")),
        "flagged": (409, _("A host looks at this person before they are let in.")),
        "too_large": (413, _("The body is larger than the API takes.")),
        "not_json": (415, _("The body must be application/json.")),
        "invalid": (422, _("Some fields are wrong.")),
        "too_many": (429, _("Too many requests.")),
        "internal": (500, _("Something went wrong here. Nothing was changed.")),
        "try_again": (503, _("The server could not do this just now. Nothing was changed.")),
    }
)
"""code → (status, title)."""


class FieldError(Schema):
    field: str = Field(description="Path of the field in the body, such as `door.guests`; or the parameter's name.")
    message: str = Field(description="What is wrong, for people.")


class ProblemDocument(Schema):
    """RFC 9457 problem details."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    type: str = Field(description="Where the code is explained.")
    title: str
    status: int
    code: Literal[tuple(PROBLEMS)]  # type: ignore[valid-type]
    detail: str | None = Field(None, description="What is particular about this case, for people.")
    errors: list[FieldError] | None = Field(None, description="For `invalid`: each wrong field.")


class Problem(Exception):
    """Raise it anywhere below an operation; the answer is its document."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Iterable[tuple[str, str]] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds

    def response(self) -> HttpResponse:
        status, title = PROBLEMS[self.code]
        body: dict[str, Any] = {
            "type": f"/api/v1/docs#problem-{self.code}",
            "title": gettext(title),
            "status": status,
            "code": self.code,
        }
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [{"field": field, "message": message} for field, message in self.errors[:MAX_ERRORS]]
        answer = HttpResponse(json.dumps(body, ensure_ascii=False), status=status, content_type=MEDIA_TYPE)
        # A program's mistakes are its own to log: Django would write a line for each, as often as it likes.
        answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's mark for that
        if self.code == "unauthenticated":
            answer["WWW-Authenticate"] = 'Bearer realm="Lintel API"'  # RFC 6750 section 3
        if self.retry_after_seconds is not None:
            answer["Retry-After"] = str(max(1, round(self.retry_after_seconds + 0.5)))
        return answer


def invalid(field: str, message: str) -> Problem:
    return Problem("invalid", errors=[(field, message)])


def problem_of(error: Exception) -> Problem:
    """The problem that stands for any exception. What is not foreseen becomes `internal` and is logged."""
    for kind, make in FORESEEN:
        if isinstance(error, kind):
            return make(error)
    log.error("api: unforeseen error", exc_info=error)
    return Problem("internal")


def answer_for(request: HttpRequest, error: Exception) -> HttpResponse:
    """ninja's exception handler. The text of an unforeseen exception never leaves the server."""
    return problem_of(error).response()


def _field_error(error: Mapping[str, Any]) -> tuple[str, str]:
    # ninja puts ("body", "<name of the parameter>") or ("query",) before the path that the caller knows.
    where = [str(part) for part in error.get("loc", ())]
    if where[:1] == ["body"]:
        where = where[2:]
    elif where[:1] in (["query"], ["path"], ["header"]):
        where = where[1:]
    # Union members ("Door", "function-after[…]") are ours, not the caller's.
    path = ".".join(part for part in where if not part[:1].isupper() and "[" not in part)
    return path, str(error.get("msg", "")).removeprefix("Value error, ")


def _django_errors(error: DjangoValidationError) -> list[tuple[str, str]]:
    if hasattr(error, "error_dict"):
        return [
            ("" if field == "__all__" else field, message)
            for field, messages in error.message_dict.items()
            for message in messages
        ]
    return [("", message) for message in error.messages]


def _of_input(error: ValidationError) -> Problem:
    if any(one.get("loc", ())[:1] == ("path",) for one in error.errors):
        return Problem("not_found")  # not an id at all: nothing has it
    return Problem("invalid", errors=[_field_error(one) for one in error.errors])


def _of_http(error: HttpError) -> Problem:
    # ninja raises 400 for a body that can't be parsed, and nothing else by itself.
    return Problem("bad_json" if error.status_code == 400 else "internal")


FORESEEN: Final[tuple[tuple[type[Exception], Callable[[Any], Problem]], ...]] = (
    (Problem, lambda problem: problem),
    (Http404, lambda error: Problem("not_found")),
    (AuthenticationError, lambda error: Problem("unauthenticated")),
    (ValidationError, _of_input),
    (HttpError, _of_http),
    (DjangoValidationError, lambda error: Problem("invalid", errors=_django_errors(error))),
    (RequestDataTooBig, lambda error: Problem("too_large")),
    # Asked again inside the service, the database said no: the role was lost in between.
    (NotAHost, lambda error: Problem("not_a_host")),
    (IllegalEvent, lambda error: Problem("wrong_state")),
    (NotAnAdministrator, lambda error: Problem("admins_only")),
    (Wrong, lambda error: Problem("invalid", errors=error.each)),
    (OperationalError, lambda error: Problem("try_again", retry_after_seconds=1)),
)
"""Exceptions with a problem of their own, the more particular ones first."""

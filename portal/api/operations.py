"""How operations are declared: one line that says method, path, scope, answer; the guard is made from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from ninja import Router

from portal.api.auth import Bearer
from portal.api.problems import MEDIA_TYPE, PROBLEMS

F = TypeVar("F", bound=Callable[..., Any])
READS: Final = frozenset({"GET"})
EVERYWHERE: Final = ("unauthenticated", "scope_missing", "invalid", "too_many", "internal", "try_again", "too_large")


def operation(
    router: Router,
    method: str,
    path: str,
    *,
    scope: str,
    answer: Any = None,
    status: int = 200,
    also: int | None = None,
    problems: tuple[str, ...] = (),
    tag: str,
) -> Callable[[F], F]:
    """Registers an operation with its guard. `problems`: codes beside those that every operation may answer with.

    `also`: a second status that the same answer may have.
    """

    def register(view: F) -> F:
        guard = Bearer(scope, writes=method not in READS)
        first, _, rest = (view.__doc__ or "").strip().partition("\n")
        summary = first.rstrip(".")
        router.add_api_operation(
            path,
            [method],
            view,
            auth=guard,
            response={status: answer, **({} if also is None else {also: answer})},
            operation_id=view.__name__,
            url_name=view.__name__,
            summary=summary,
            description="\n".join(line.strip() for line in rest.strip().splitlines()) or summary + ".",
            tags=[tag],
            openapi_extra={"x-scope": scope, "responses": _described({*EVERYWHERE, *problems})},
        )
        models = view._ninja_operation.models  # type: ignore[attr-defined]  # noqa: SLF001 - how ninja marks its views
        guard.parameters = frozenset(
            name for model in models if model.__ninja_param_source__ == "query" for name in model.__ninja_flatten_map__
        )
        guard.takes_body = any(model.__ninja_param_source__ == "body" for model in models)
        if guard.takes_body:
            extra = view._ninja_operation.openapi_extra  # type: ignore[attr-defined]  # noqa: SLF001
            extra["responses"] |= _described({*EVERYWHERE, *problems, "bad_json", "not_json"})
        return view

    return register


def _described(codes: set[str]) -> dict[int, Any]:
    by_status: dict[int, list[str]] = {}
    for code in PROBLEMS:
        if code in codes:
            by_status.setdefault(PROBLEMS[code][0], []).append(code)
    return {
        status: {
            "description": " ".join(PROBLEMS[code][1] for code in found),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
            "x-codes": found,
        }
        for status, found in sorted(by_status.items())
    }

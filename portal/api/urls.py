"""Addresses of the API. Whatever ninja answers by itself (unknown address, wrong method) is a problem document too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt

from portal.api.docs import reference
from portal.api.problems import Problem
from portal.api.v1 import api

app_name = "api"


def _method_named(answer: HttpResponseBase) -> HttpResponseBase:
    """The same answer; a bare 405 gets a document and keeps its `Allow`."""
    if answer.status_code != 405:
        return answer
    problem = Problem("method_not_allowed").response()
    problem["Allow"] = answer["Allow"]
    return problem


def _with_problems(view: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(view):

        async def on_loop(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _method_named(await view(request, *args, **kwargs))

        return csrf_exempt(on_loop)

    def in_thread(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return _method_named(view(request, *args, **kwargs))

    # No cookie is ever looked at here, so there is nothing that another site could make a browser send along.
    return csrf_exempt(in_thread)


def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document. Public: it says what the API is, and nothing about who or what is here."""
    return HttpResponse(api.document_text(), content_type="application/json")


@csrf_exempt
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    return Problem("not_found").response()


def start(request: HttpRequest) -> HttpResponse:
    return redirect("api:docs")


def _operations() -> Iterator[URLPattern]:
    for pattern in api.urls[0]:
        if isinstance(pattern, URLPattern) and pattern.name not in {"openapi-json", "api-root"}:
            yield URLPattern(pattern.pattern, _with_problems(pattern.callback), pattern.default_args, pattern.name)


urlpatterns = [
    path("", start, name="api-root"),
    path("openapi.json", openapi, name="openapi-json"),
    path("docs", reference, name="docs"),
    *_operations(),
    re_path(r"^(?P<rest>.*)$", nothing_here, name="nothing-here"),
]

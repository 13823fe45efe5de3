"""Version 1, put together: the routers, the errors, the document."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.http import Http404
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.responses import NinjaJSONEncoder

from portal.api import (
    authorization,
    blocks,
    devices,
    door,
    exceptions,
    invitations,
    links,
    meetings,
    occurrences,
    organisation,
    powers,
    record,
    streams,
    templates,
    webhooks,
)
from portal.api.problems import ProblemDocument, answer_for
from portal.api.requests import StrictParser

DESCRIPTION = """Schedule meetings, invite people, answer the door, read what happened.

A token acts with its owner's rights at that moment, within its scopes. Errors are RFC 9457 problem documents with a
stable `code`. Unknown fields are refused. Lists are paged: give `next` as `cursor`."""


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter can be absent, but there is no way to write null into an address."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return {**{key: value for key, value in schema.items() if key != "anyOf"}, **kinds[0]} if kinds else schema


class Api(NinjaAPI):
    """ninja with our errors in the document, which is made once."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        document = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= {**problem.pop("$defs", {}), "ProblemDocument": problem}
        document["components"]["schemas"].pop("Page", None)  # its fields stand among the parameters
        for scheme in document["components"]["securitySchemes"].values():
            scheme["description"] = "An API token, made with `./run manage apitoken`."
        for methods in document["paths"].values():
            for operation in methods.values():
                operation["security"] = [{"Bearer": [operation["x-scope"]]}]
                for parameter in operation["parameters"]:
                    parameter["schema"] = _without_null(parameter["schema"])
        return document

    @lru_cache(maxsize=1)  # noqa: B019 - there is one of these
    def document_text(self) -> str:
        return json.dumps(self.get_openapi_schema(), cls=NinjaJSONEncoder, ensure_ascii=False)


api = Api(
    title="Lintel",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    docs_url=None,
    openapi_url="/openapi.json",
    parser=StrictParser(),
)
for _kind in (Exception, Http404, HttpError, ValidationError):  # those that ninja would answer itself
    api.add_exception_handler(_kind, answer_for)
for _router in (
    meetings.router,
    occurrences.router,
    invitations.router,
    links.router,
    exceptions.router,
    blocks.router,
    organisation.router,
    templates.router,
    door.router,
    powers.router,
    record.router,
    streams.router,
    devices.router,
    authorization.router,
    webhooks.router,
):
    api.add_router("", _router)

"""The reference page and the document: complete, public, without scripts, telling nothing about who is here."""

from __future__ import annotations

import json
import re
from pathlib import Path

from django.conf import settings
from django.test import Client, TestCase

from meetings.webhooks.events import EVENTS
from portal.api.problems import PROBLEMS
from portal.models import ApiToken
from portal.tests.api_case import meeting_of, person


class Reference(TestCase):
    def setUp(self) -> None:
        self.page = Client().get("/api/v1/docs").content.decode()
        self.document = Client().get("/api/v1/openapi.json").json()

    def test_the_page_names_every_operation_field_and_problem(self) -> None:
        for path, methods in self.document["paths"].items():
            assert path in self.page
            for method, operation in methods.items():
                assert f'id="{operation["operationId"]}"' in self.page, (method, path)
        for code in PROBLEMS:
            assert f'id="problem-{code}"' in self.page
        for event in EVENTS:
            assert f"<code>{event}</code>" in self.page, event
        for field in ("door.guests_verified", "options.lock_after_minutes", "items[].hosts[].email", "join_url"):
            assert f"<code>{field}</code>" in self.page, field

    def test_the_page_runs_nothing_and_loads_nothing_from_elsewhere(self) -> None:
        assert not re.search(r"<script(?![^>]* src=\"/static/)", self.page)
        assert not re.search(r"<style|\sstyle=|\son\w+=", self.page)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", self.page)

    def test_both_say_the_same_whoever_is_here(self) -> None:
        meeting = meeting_of(person("host"))
        assert Client().get("/api/v1/openapi.json").json() == self.document
        again = Client().get("/api/v1/docs").content.decode()
        assert meeting.code not in again
        assert meeting.title not in again

    def test_every_operation_says_its_scope_and_its_problems(self) -> None:
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                where = (method, path)
                assert operation["x-scope"] in ApiToken.Scope.values, where
                assert operation["security"] == [{"Bearer": [operation["x-scope"]]}], where
                assert {"401", "403", "422", "429", "500"} <= set(operation["responses"]), where
                assert operation["description"], where
                if "{meeting_id}" in path:
                    assert "404" in operation["responses"], where

    def test_every_reference_in_the_document_leads_somewhere(self) -> None:
        schemas = self.document["components"]["schemas"]
        used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(self.document)))
        assert used <= set(schemas)
        assert "ProblemDocument" in used

    def test_inputs_refuse_fields_that_they_do_not_name(self) -> None:
        for methods in self.document["paths"].values():
            for operation in methods.values():
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
                if body:
                    names = re.findall(r"schemas/(\w+)", json.dumps(body))
                    for name in names:
                        assert self.document["components"]["schemas"][name]["additionalProperties"] is False, name

    def test_the_guide_names_every_scope_and_no_operation_that_is_not_there(self) -> None:
        guide = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()
        for scope in ApiToken.Scope.values:
            assert f"| `{scope}` |" in guide
        for action in re.findall(r"POST …/(?:participants/\{id\}/)?([a-z-]+)", guide):
            assert any(path.endswith("/" + action) for path in self.document["paths"]), action

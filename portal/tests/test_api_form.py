"""The form of requests and answers: strict JSON, bounds, stable problem documents, limits, tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from asgiref.sync import sync_to_async
from django.utils import timezone
from pydantic import ValidationError

from meetings.models import Meeting
from meetings.signaling.rates import Budgets, Rate
from portal.accounts.services import deactivate
from portal.api import auth
from portal.api.problems import PROBLEMS
from portal.api.schemas.fields import Input
from portal.api.v1 import api
from portal.models import ApiToken, User
from portal.tests.api_case import ApiCase, meeting_of, person, token_of


def body_with(**fields: Any) -> dict[str, Any]:
    return {"title": "Review", "starts_at": (timezone.now() + timedelta(days=1)).isoformat(), **fields}


class Forms(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = person("host")

    async def refused(self, body: Any, status: int, code: str, **more: Any) -> dict[str, Any]:
        """Posts a meeting that must be refused, and makes sure that none was made."""
        token = await token_of(self.host)
        answer = await self.call("POST", "/meetings", token, body, **more)
        assert (answer.status, answer.code) == (status, code), (body, answer.body)
        assert answer.response["Content-Type"] == "application/problem+json"
        assert await Meeting.objects.acount() == 0
        return answer.body

    async def test_a_body_that_is_not_one_json_object_is_refused(self) -> None:
        for body in (
            b"{",
            b"[]",
            b'"text"',
            b"null",
            b"\xff\xfe",
            b'{"title": "a", "title": "b"}',
            b'{"title": NaN}',
            b'{"duration_minutes": ' + b"9" * 5000 + b"}",
            b'{"title": "\\ud800"}',
            b'{"title": "nul \\u0000"}',
            b'{"door": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        ):
            await self.refused(body, 400, "bad_json")

    async def test_a_body_that_is_too_large_is_refused(self) -> None:
        await self.refused(b'{"title": "' + b"a" * 70_000 + b'"}', 413, "too_large")

    async def test_a_body_of_another_type_is_refused(self) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            await self.refused(b'{"title": "a"}', 415, "not_json", content_type=kind)

    async def test_a_missing_body_is_refused(self) -> None:
        found = await self.refused(None, 422, "invalid")
        assert found["errors"]

    async def test_unknown_fields_are_named_and_refused(self) -> None:
        found = await self.refused(body_with(titel="x"), 422, "invalid")
        assert [error["field"] for error in found["errors"]] == ["titel"]
        found = await self.refused(body_with(options={"film": True}), 422, "invalid")
        assert [error["field"] for error in found["errors"]] == ["options.film"]

    async def test_each_wrong_field_is_named(self) -> None:
        soon = timezone.now() + timedelta(days=1)
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("title", {"title": ""}),
            ("title", {"title": "   "}),
            ("title", {"title": "two\nlines"}),
            ("title", {"title": "a" * 121}),
            ("title", {"title": 7}),
            ("title", {"title": None}),
            ("notes", {"notes": "a" * 2001}),
            ("notes", {"notes": "bell \x07"}),
            ("starts_at", {"starts_at": soon.replace(tzinfo=None).isoformat()}),
            ("starts_at", {"starts_at": 1_800_000_000}),
            ("starts_at", {"starts_at": "1800000000"}),
            ("starts_at", {"starts_at": "2026-02-30T10:00:00Z"}),
            ("starts_at", {"starts_at": "2027-01-01T10:00:00+25:00"}),
            ("starts_at", {"starts_at": (timezone.now() - timedelta(hours=1)).isoformat()}),
            ("starts_at", {"starts_at": (timezone.now() + timedelta(days=3000)).isoformat()}),
            ("starts_at", {"starts_at": "9999-12-31T23:59:59-23:59"}),
            ("starts_at", {"starts_at": "0001-01-01T00:00:00+23:59"}),
            ("duration_minutes", {"duration_minutes": 4}),
            ("duration_minutes", {"duration_minutes": 1441}),
            ("duration_minutes", {"duration_minutes": "60"}),
            ("duration_minutes", {"duration_minutes": True}),
            ("duration_minutes", {"duration_minutes": 60.5}),
            ("time_zone", {"time_zone": "Mars/Olympus"}),
            ("time_zone", {"time_zone": "../../etc/passwd"}),
            ("hosts.0", {"hosts": ["nobody@example.org"]}),
            ("hosts.0", {"hosts": ["not an address"]}),
            ("hosts", {"hosts": [f"a{n}@example.org" for n in range(21)]}),
            ("door", {"door": "open"}),
            (
                "door.guests",
                {"door": {"listed": "walks_in", "colleagues": "knocks", "guests": "in", "anyone": "knocks"}},
            ),
            ("door.anyone", {"door": {"listed": "walks_in", "colleagues": "knocks", "guests": "knocks"}}),
            ("door_opens_minutes", {"door_opens_minutes": -1}),
            ("options.allow_chat", {"options": {"allow_chat": "yes"}}),
            ("options.allow_chat", {"options": {"allow_chat": 1}}),
            ("options.allow_chat", {"options": {"allow_chat": True, "chat": "hosts"}}),
            ("options.speak", {"options": {"speak": "nobody"}}),
            ("options.lock_after_minutes", {"options": {"lock_after_minutes": 0}}),
            ("encryption", {"encryption": "none"}),
        ]
        for field, fields in wrong:
            found = await self.refused(body_with(**fields), 422, "invalid")
            assert field in [error["field"] for error in found["errors"]], (fields, found["errors"])
            assert all(error["message"] for error in found["errors"])

    async def test_a_table_that_lets_strangers_in_more_easily_is_refused(self) -> None:
        table = {"listed": "knocks", "colleagues": "knocks", "guests": "knocks", "anyone": "walks_in"}
        found = await self.refused(body_with(door=table), 422, "invalid")
        assert [error["field"] for error in found["errors"]] == ["door"]
        table = {"listed": "walks_in", "colleagues": "knocks", "guests": "knocks", "anyone": "turned_away"}
        found = await self.refused(body_with(door={**table, "anyone_verified": "any_address"}), 422, "invalid")
        assert [error["field"] for error in found["errors"]] == ["door.anyone_verified"]
        none = dict.fromkeys(("listed", "colleagues", "guests", "anyone"), "turned_away")
        found = await self.refused(body_with(door={**none, "guests_verified": True}), 422, "invalid")
        assert [error["field"] for error in found["errors"]] == ["door.guests_verified"]

    async def test_a_mode_that_does_not_exist_is_refused_and_never_weakened(self) -> None:
        found = await self.refused(body_with(encryption="double"), 422, "invalid")
        assert [error["field"] for error in found["errors"]] == ["encryption"]

    async def test_errors_repeat_no_input(self) -> None:
        found = await self.refused(body_with(title={"secret": "hunter2"}, door="hunter2"), 422, "invalid")
        assert "hunter2" not in str(found)

    async def test_unknown_and_repeated_parameters_are_refused(self) -> None:
        token = await token_of(self.host)
        for query in ("?page=2", "?limit=1&limit=2", "?limit=0", "?limit=201", "?limit=many", "?cursor=", "?cursor=%00",
                      "?cursor=abc", "?cursor=W10", "?starts_from=today"):  # fmt: skip
            answer = await self.call("GET", f"/meetings{query}", token)
            assert (answer.status, answer.code) == (422, "invalid"), query

    async def test_an_operation_without_a_body_refuses_one(self) -> None:
        token = await token_of(self.host)
        answer = await self.call("GET", "/meetings", token, {"limit": 5})
        assert (answer.status, answer.code) == (422, "invalid")

    async def test_what_is_no_id_is_not_found(self) -> None:
        token = await token_of(self.host)
        for path in (
            "/meetings/1",
            "/meetings/%00",
            "/meetings/..%2f",
            f"/meetings/{uuid4()}x",
            f"/meetings/{uuid4()}",
        ):
            answer = await self.call("GET", path, token)
            assert (answer.status, answer.code) == (404, "not_found"), path

    async def test_unknown_addresses_and_methods_are_problems_too(self) -> None:
        token = await token_of(self.host)
        answer = await self.call("GET", "/nothing/here", token)
        assert (answer.status, answer.code) == (404, "not_found")
        for method, path in (("PUT", "/meetings"), ("DELETE", "/audit"), ("OPTIONS", "/meetings"), ("TRACE", "/audit")):
            answer = await self.call(method, path, token)
            assert (answer.status, answer.code) == (405, "method_not_allowed"), (method, path)
            assert answer.response["Allow"]


class Tokens(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = person("host")

    async def test_every_kind_of_bad_credentials_is_the_same_401(self) -> None:
        good = await token_of(self.host)
        for header in (None, "", "Bearer", "Bearer ", "Bearer x", f"Basic {good}", good, f"Bearer {good}x",
                       f"Bearer  {good}", "Bearer lintel_" + "a" * 5000):  # fmt: skip
            headers = {} if header is None else {"authorization": header}
            answer = await self.call("GET", "/meetings", headers=headers)
            assert (answer.status, answer.code) == (401, "unauthenticated"), header
            assert answer.response["WWW-Authenticate"].startswith("Bearer")

    async def test_a_session_is_no_token(self) -> None:
        await self.client.aforce_login(self.host)  # type: ignore[attr-defined]
        assert (await self.call("GET", "/meetings")).status == 401

    async def test_a_token_in_the_address_is_no_token(self) -> None:
        token = await token_of(self.host)
        assert (await self.call("GET", f"/meetings?token={token}")).status == 401

    async def test_a_revoked_token_ends_at_once(self) -> None:
        token = await token_of(self.host)
        assert (await self.call("GET", "/meetings", token)).status == 200
        await ApiToken.objects.aupdate(revoked_at=timezone.now())
        assert (await self.call("GET", "/meetings", token)).status == 401

    async def test_a_deactivated_accounts_token_ends_at_once_and_stays_dead(self) -> None:
        admin = await sync_to_async(person)("admin", User.Role.ADMIN)
        token = await token_of(self.host)
        await sync_to_async(deactivate)(self.host, admin)
        assert (await self.call("GET", "/meetings", token)).status == 401
        await User.objects.filter(pk=self.host.pk).aupdate(is_active=True)
        assert (await self.call("GET", "/meetings", token)).status == 401

    async def test_the_role_is_the_owners_role_of_this_moment(self) -> None:
        admin = await sync_to_async(person)("admin", User.Role.ADMIN)
        token = await token_of(admin)
        assert (await self.call("GET", "/audit", token)).status == 200
        await User.objects.filter(pk=admin.pk).aupdate(role=User.Role.STAFF)
        assert (await self.call("GET", "/audit", token)).code == "admins_only"

    async def test_hosting_is_asked_of_the_database_each_time(self) -> None:
        meeting = await sync_to_async(meeting_of)(self.host)
        token = await token_of(self.host)
        assert (await self.call("GET", f"/meetings/{meeting.pk}", token)).status == 200
        await sync_to_async(meeting.hosts.clear)()
        assert (await self.call("GET", f"/meetings/{meeting.pk}", token)).status == 404

    async def test_the_use_of_a_token_is_noted(self) -> None:
        token = await token_of(self.host)
        await self.call("GET", "/meetings", token)
        assert (await ApiToken.objects.aget()).last_used_at is not None


class Limits(ApiCase):
    """The clock stands still here, so that what a bucket holds is all there is."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 100.0
        auth.limits = auth.Limits(lambda: self.now)
        self.host = person("host")

    async def test_a_token_has_a_budget_that_comes_back(self) -> None:
        auth.limits.requests = Budgets(Rate(1, 3), lambda: self.now)
        token, other = await token_of(self.host), await token_of(self.host)
        for _ in range(3):
            assert (await self.call("GET", "/meetings", token)).status == 200
        answer = await self.call("GET", "/meetings", token)
        assert (answer.status, answer.code) == (429, "too_many")
        assert int(answer.response["Retry-After"]) >= 1
        assert (await self.call("GET", "/meetings", other)).status == 200
        self.now += int(answer.response["Retry-After"])
        assert (await self.call("GET", "/meetings", token)).status == 200

    async def test_writing_has_a_smaller_budget(self) -> None:
        auth.limits.writes = Budgets(Rate(1, 2), lambda: self.now)
        token = await token_of(self.host)
        for _ in range(2):
            assert (await self.call("POST", "/meetings", token, {})).status == 422
        assert (await self.call("POST", "/meetings", token, {})).status == 429
        assert (await self.call("GET", "/meetings", token)).status == 200

    async def test_a_network_that_guesses_tokens_is_told_nothing_more(self) -> None:
        good = await token_of(self.host)
        statuses = [(await self.call("GET", "/meetings", "lintel_" + "a" * 43)).status for _ in range(31)]
        assert statuses == [401] * 30 + [429]
        assert (await self.call("GET", "/meetings", good)).status == 429
        self.now += 60
        assert (await self.call("GET", "/meetings", good)).status == 200


def test_every_problem_has_a_status_and_a_sentence() -> None:
    for code, (status, title) in PROBLEMS.items():
        assert code == code.lower()
        assert 400 <= status < 600
        assert title.endswith(".")


def every_input() -> list[type[Input]]:
    assert "WebhookIn" in api.document_text(), "whatever has an operation is known here"
    found, left = [], [Input]
    while left:
        kinds = left.pop().__subclasses__()
        found += kinds
        left += kinds
    return found


def test_the_length_of_a_text_is_that_of_what_was_sent() -> None:
    tried = 0
    for kind in every_input():
        for name, field in kind.model_json_schema()["properties"].items():
            schema = next((one for one in field.get("anyOf", [field]) if one.get("type") == "string"), {})
            if "format" in schema or "enum" in schema or "const" in schema:
                continue
            if schema:
                most = schema["maxLength"]
                wrong = errors_of(kind, name, "a" + " " * most)
            elif field.get("items", {}).get("maxLength") and "format" not in field["items"]:
                wrong = errors_of(kind, name, ["a" + " " * field["items"]["maxLength"]])
            else:
                continue
            assert "string_too_long" in wrong, (kind.__name__, name, wrong)
            tried += 1
    assert tried > 15


def errors_of(kind: type[Input], name: str, value: Any) -> list[str]:
    try:
        kind.model_validate({name: value})
    except ValidationError as error:
        return [one["type"] for one in error.errors() if one["loc"][:1] == (name,)]
    return []

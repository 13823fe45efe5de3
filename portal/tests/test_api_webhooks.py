"""Webhooks through the API, and the guide that programs are written from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone
from standardwebhooks import Webhook as Signer

from meetings import audit
from meetings.webhooks.events import EVENTS
from meetings.webhooks.models import Webhook
from meetings.webhooks.outcome import PAUSES
from portal.models import User
from portal.tests.api_case import ApiCase, meeting_of, person, token_of

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
URL = "https://hooks.example.org/lintel"


class Hooks(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = person("host")

    async def made(self, token: str, **fields: Any) -> Any:
        return await self.call("POST", "/webhooks", token, {"url": URL, **fields})

    async def test_it_is_made_read_changed_and_ended(self) -> None:
        token = await token_of(self.host)
        made = await self.made(token, events=["door.knocked"])
        assert made.status == 201
        one = f"/webhooks/{made.body['id']}"
        secret = made.body.pop("secret")
        assert secret.startswith("whsec_")
        read = await self.call("GET", one, token)
        assert read.body == made.body
        changed = await self.call("PATCH", one, token, {"events": [], "on": False})
        assert (changed.body["events"], changed.body["on"], changed.body["url"]) == ([], False, URL)
        renewed = await self.call("POST", f"{one}/secret", token)
        assert renewed.body["secret"] != secret
        assert (await self.call("DELETE", one, token)).status == 204
        assert (await self.call("GET", one, token)).status == 404

    async def test_what_can_not_be_used_names_its_field(self) -> None:
        token = await token_of(self.host)
        for fields, field in (
            ({"url": "https://10.0.0.7/"}, "url"),
            ({"url": "http://hooks.example.org/"}, "url"),
            ({"events": ["door.opened"]}, "events"),
            ({"url": "https://hooks.example.org/\r\nHost: inside"}, "url"),
            ({"url": "https://0.0.0.0/"}, "url"),
            ({"url": "https://0177.0.0.1/"}, "url"),
        ):
            refused = await self.made(token, **fields)
            assert refused.status == 422
            assert [error["field"] for error in refused.body["errors"]] == [field]
        assert (await self.made(token, covers="organisation")).code == "admins_only"
        made = await self.made(token)
        nothing = await self.call("PATCH", f"/webhooks/{made.body['id']}", token, {})
        assert nothing.status == 422

    async def test_an_administrator_hears_of_every_meeting_and_reads_what_became_of_it(self) -> None:
        token = await token_of(await sync_to_async(person)("admin", User.Role.ADMIN))
        made = await self.made(token, covers="organisation")
        await sync_to_async(meeting_of)(self.host)
        told = await self.call("GET", f"/webhooks/{made.body['id']}/deliveries", token)
        (one,) = told.body["items"]
        assert (one["event"], one["state"], one["attempts"]) == ("meeting.scheduled", "pending", 0)
        assert one["next_try_at"]

    async def test_a_test_says_how_it_came_out(self) -> None:
        token = await token_of(self.host)
        made = await self.made(token, url="https://hooks.invalid/")
        sent = await self.call("POST", f"/webhooks/{made.body['id']}/ping", token)
        problem = "hooks.invalid leads to no public address."
        assert sent.body == {"delivered": False, "status": None, "problem": problem}

    async def test_lists_come_in_pages(self) -> None:
        token = await token_of(self.host)
        ids = [(await self.made(token)).body["id"] for _number in range(3)]
        first = await self.call("GET", "/webhooks?limit=2", token)
        rest = await self.call("GET", f"/webhooks?limit=2&cursor={first.body['next']}", token)
        assert [hook["id"] for hook in first.body["items"] + rest.body["items"]] == ids
        assert rest.body["next"] is None
        await sync_to_async(self.happen)(3)
        address = f"/webhooks/{ids[0]}/deliveries?limit=2"
        first = await self.call("GET", address, token)
        rest = await self.call("GET", f"{address}&cursor={first.body['next']}", token)
        times = [one["at"] for one in first.body["items"] + rest.body["items"]]
        assert len(times) == 4 and times == sorted(times, reverse=True)

    def happen(self, times: int) -> None:
        meeting = meeting_of(self.host)
        for _number in range(times):
            audit.record("door.locked", actor=self.host, meeting=meeting)


def part(language: str, name: str) -> str:
    found = re.search(rf"```{language} {name}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None, name
    return found[1]


def test_the_guide_lists_every_event_with_its_meaning_and_no_other() -> None:
    assert dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+) \|$", GUIDE, re.MULTILINE)) == {
        name: str(meaning) for name, meaning in EVENTS.items()
    }


def test_the_guide_checks_what_lintel_signs() -> None:
    names: dict[str, Any] = {}
    exec(part("python", "check"), names)  # noqa: S102 - the guide's own words
    secret, body, now = "whsec_" + "A" * 43 + "=", part("json", "event").strip(), timezone.now()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(secret).sign("msg_1", now, body),
    }
    assert names["is_genuine"](secret, headers, body.encode())
    assert names["is_genuine"](
        secret, {**headers, "webhook-signature": "v1,x " + headers["webhook-signature"]}, body.encode()
    )
    assert not names["is_genuine"]("whsec_" + "B" * 43 + "=", headers, body.encode())
    assert not names["is_genuine"](secret, headers, body.encode() + b" ")
    assert not names["is_genuine"](secret, {**headers, "webhook-id": "msg_2"}, body.encode())
    assert not names["is_genuine"](secret, {**headers, "webhook-timestamp": "1795476000"}, body.encode())


def test_the_guides_event_has_the_shape_of_ours() -> None:
    event = json.loads(part("json", "event"))
    assert event.keys() == {"type", "timestamp", "data"}
    assert event["type"] in EVENTS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])


def test_the_guide_says_how_often_it_is_tried() -> None:
    assert f"{len(PAUSES) + 1} tries" in GUIDE
    assert Webhook.Covers.values == re.findall(r"^\* `(\w+)`:", GUIDE, re.MULTILINE)

"""A meeting's own authorization service through the API: whose it is to set, and where it may lead."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async

from meetings.models import AuditEntry
from meetings.outgoing.models import AllowedDestination
from meetings.roundtrip import services
from meetings.roundtrip.services import Settings
from meetings.tests.answering_service import answer, serving
from portal.models import User
from portal.tests.api_case import ApiCase, meeting_of, person, token_of

URL = "https://auth.example.org/lintel"


class MeetingsOwn(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = person("host")
        self.meeting = meeting_of(self.host)
        self.address = f"/meetings/{self.meeting.pk}/authorization"
        self.allow(True)

    def allow(self, may_replace: bool) -> None:
        services.change_service(None, None, Settings("https://whole.example.org/", hosts_may_replace=may_replace))

    async def put(self, **fields: Any) -> Any:
        return await self.call("PUT", self.address, await token_of(self.host), {"url": URL, **fields})

    async def test_a_host_sets_it_and_it_is_asked_instead(self) -> None:
        token = await token_of(self.host)
        before = (await self.call("GET", self.address, token)).body
        assert (before["asked"], before["may_set"], before["url"]) == ("organisation", True, "")
        made = await self.put(profile="red5", lease_seconds=300)
        assert made.status == 200
        assert made.body == {
            "asked": "meeting",
            "may_set": True,
            "on": True,
            "url": URL,
            "profile": "red5",
            "names": "opaque",
            "lease_seconds": 300,
            "has_secret": True,
        }
        secret = (await self.call("POST", f"{self.address}/secret", token)).body["secret"]
        asked = await sync_to_async(services.asked_about)(self.meeting)
        assert asked is not None and asked.secrets[0] == secret
        assert secret not in str((await self.call("GET", self.address, token)).body)
        assert (await self.put(on=False)).body["asked"] == "organisation"
        entries = AuditEntry.objects.filter(kind="authorization.service_changed", detail__meeting=self.meeting)
        assert await entries.acount() == 2
        assert await AuditEntry.objects.filter(kind="authorization.secret_made").acount() == 1

    async def test_where_the_organisation_forbids_it_nothing_of_it_is_asked_or_changed(self) -> None:
        await self.put()
        await sync_to_async(self.allow)(False)
        token = await token_of(self.host)
        read = await self.call("GET", self.address, token)
        assert (read.body["asked"], read.body["may_set"]) == ("organisation", False)
        for method, address in (
            ("PUT", self.address),
            ("POST", self.address + "/secret"),
            ("POST", self.address + "/test"),
        ):
            refused = await self.call(method, address, token, None if address.endswith("secret") else {})
            assert (refused.status, refused.body["errors"][0]["field"]) == (422, "url"), address
            assert "administrator doesn’t allow" in refused.body["errors"][0]["message"]

    async def test_it_leads_outside_and_nowhere_else(self) -> None:
        await AllowedDestination.objects.acreate(text="10.20.0.0/16")  # for what administrators enter
        for url in (
            "",
            "http://auth.example.org/",
            "https://10.20.0.7/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/",
            "https://user:password@auth.example.org/",
            "https://auth.example.org/?next=1",
            "https://auth.example.org/\r\nX: y",
            "https://auth.example.org/" + "x" * 400,
        ):
            refused = await self.put(url=url)
            assert (refused.status, [one["field"] for one in refused.body["errors"]]) == (422, ["url"]), url
        assert (await self.call("GET", self.address, await token_of(self.host))).body["asked"] == "organisation"

    async def test_a_trial_shows_the_exchange_without_its_secrets(self) -> None:
        token = await token_of(self.host)
        nothing = await self.call("POST", f"{self.address}/test", token, {})
        assert (nothing.status, nothing.body["errors"][0]["field"]) == (422, "url")
        async with serving(answer(200, {"result": True, "ttl": 90, "grants": ["video", "audio"]})) as service:
            await AllowedDestination.objects.acreate(text=service.url, for_everybody=True)
            await self.put(url=service.url)
            body = {"type": "publisher", "username": "ann", "token": "a-secret-token"}
            tried = await self.call("POST", f"{self.address}/test", token, body)
            (request,) = service.requests
        assert (tried.body["outcome"], tried.body["lease_seconds"]) == ("allowed", 90)
        assert tried.body["grants"] == ["audio", "video"]
        assert tried.body["url"] == f"{service.url}/validateCredentials"
        for secret in (request.json["password"], "a-secret-token", request.headers["x-rta-signature"]):
            assert secret not in str(tried.body)

    async def test_nobody_else_finds_it(self) -> None:
        for name, role in (("staff", User.Role.STAFF), ("admin", User.Role.ADMIN)):
            token = await token_of(await sync_to_async(person)(name, role))
            assert (await self.call("GET", self.address, token)).status == 404
            assert (await self.call("PUT", self.address, token, {"url": URL})).status == 404

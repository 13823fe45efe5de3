"""Who may do what through the API: every operation × every kind of caller, from one table.

An operation that is missing from the table fails the test, so that no operation is added without saying whose it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from meetings.devices import services as devices
from meetings.door import Way
from meetings.models import Block, DoorTemplate, Meeting, Participant, PeopleGroup
from meetings.roundtrip import services as roundtrip
from meetings.services import exceptions
from meetings.tests.live_case import running_live
from meetings.webhooks import services as webhooks
from portal.accounts.services import make_token
from portal.api.v1 import api
from portal.models import ApiToken, User
from portal.tests.api_case import ApiCase, invited, meeting_of, person, seat, token_of

NO_PART = ("stranger", "colleague", "waiting", "inside", "refused", "removed", "other_host", "admin")
"""Accounts that neither host the meeting nor are listed in it. The colleague was at its door once; waiting, inside,
refused and removed have a seat in that state. other_host hosts another meeting."""

CALLERS = ("nobody", "bad_token", "inactive", *NO_PART, "listed", "host")

NOBODYS = {"nobody": 401, "bad_token": 401, "inactive": 401}
EVERY_ACCOUNT = {**NOBODYS, **dict.fromkeys(CALLERS[3:], 200)}
HOSTS_AND_LISTED = {
    **NOBODYS,
    **dict.fromkeys(NO_PART, 404),
    "listed": 200,
    "host": 200,
}
HOSTS = {**HOSTS_AND_LISTED, "listed": 403}
ADMINS = {**EVERY_ACCOUNT, **dict.fromkeys((*NO_PART, "listed", "host"), 403), "admin": 200}


def hosts(status: int) -> dict[str, int]:
    return {**HOSTS, "host": status}


def admins(status: int) -> dict[str, int]:
    return {**ADMINS, "admin": status}


@dataclass(frozen=True)
class Row:
    """One operation: what each caller's answer is, and a body that would be accepted."""

    answers: dict[str, int]
    body: Any = None


SOON = (timezone.now() + timedelta(days=1)).isoformat()
MEETING = "/api/v1/meetings/{meeting_id}"
GUEST = MEETING + "/invitations/{invitation_id}"
SEAT = MEETING + "/participants/{participant_id}"
HOOK = "/api/v1/webhooks/{webhook_id}"
THE_HOSTS_OWN = {**dict.fromkeys(CALLERS, 404), **NOBODYS, "host": 200}
"""Of a webhook that the host made: nobody else finds it, whatever they host or administer."""
TABLE: dict[tuple[str, str], Row] = {
    ("GET", "/api/v1/meetings"): Row(EVERY_ACCOUNT),
    ("POST", "/api/v1/meetings"): Row(
        {**NOBODYS, **dict.fromkeys(CALLERS[3:], 201)}, {"title": "Review", "starts_at": SOON}
    ),
    ("GET", MEETING): Row(HOSTS_AND_LISTED),
    ("PATCH", MEETING): Row(HOSTS, {"title": "Renamed"}),
    ("DELETE", MEETING): Row(hosts(204)),
    ("GET", MEETING + "/occurrences"): Row(HOSTS_AND_LISTED),
    ("PATCH", MEETING + "/occurrences/{occurrence_id}"): Row(HOSTS, {"duration_minutes": 60}),
    ("DELETE", MEETING + "/occurrences/{occurrence_id}"): Row(hosts(204)),
    ("GET", MEETING + "/invitations"): Row(HOSTS),
    ("POST", MEETING + "/invitations"): Row(hosts(201), {"email": "new@elsewhere.example"}),
    ("POST", GUEST + "/revoke"): Row(HOSTS),
    ("POST", GUEST + "/restore"): Row(HOSTS),
    ("POST", GUEST + "/resend"): Row(HOSTS),
    ("POST", GUEST + "/rotate"): Row(HOSTS),
    ("PATCH", GUEST): Row(HOSTS, {"name": "Somebody"}),
    ("GET", MEETING + "/link-preview"): Row(HOSTS),
    ("POST", MEETING + "/rotate-link"): Row(HOSTS),
    ("POST", MEETING + "/invitations/rotate"): Row(HOSTS),
    ("POST", MEETING + "/invitations/revoke"): Row(HOSTS),
    ("POST", MEETING + "/invitations/restore"): Row(HOSTS),
    ("GET", MEETING + "/exceptions"): Row(HOSTS),
    ("POST", MEETING + "/exceptions"): Row(hosts(201), {"email": "guest@elsewhere.example", "way": "knocks"}),
    ("DELETE", MEETING + "/exceptions/{exception_id}"): Row(hosts(204)),
    ("GET", MEETING + "/blocks"): Row(HOSTS),
    ("DELETE", MEETING + "/blocks/{block_id}"): Row(hosts(204)),
    ("GET", MEETING + "/history"): Row(HOSTS),
    ("GET", MEETING + "/attendance"): Row(HOSTS),
    ("GET", MEETING + "/participants"): Row(HOSTS),
    ("POST", SEAT + "/admit"): Row(HOSTS),
    ("POST", SEAT + "/refuse"): Row(HOSTS, {"note": "Not today"}),
    ("POST", SEAT + "/remove"): Row(HOSTS, {"block": False}),
    ("POST", SEAT + "/mute"): Row(HOSTS, {"source": "camera"}),
    ("POST", SEAT + "/move-to-door"): Row(HOSTS),
    ("POST", SEAT + "/ask"): Row(HOSTS, {"source": "camera"}),
    ("POST", SEAT + "/rights"): Row(HOSTS, {"speak": False, "chat": None}),
    # Somebody without an account is there: only people who have one can host.
    ("POST", SEAT + "/make-host"): Row(hosts(409)),
    ("POST", SEAT + "/take-host"): Row(HOSTS),
    ("POST", MEETING + "/mute-all"): Row(HOSTS, {"unmute": False}),
    ("POST", MEETING + "/lock"): Row(HOSTS),
    ("POST", MEETING + "/unlock"): Row(HOSTS),
    ("POST", MEETING + "/end"): Row(HOSTS),
    ("POST", MEETING + "/suspend"): Row(HOSTS),
    ("POST", MEETING + "/resume"): Row(HOSTS, {"quiet": True}),
    ("POST", MEETING + "/stream-passes"): Row({**HOSTS_AND_LISTED, "listed": 201, "host": 201}, {}),
    ("GET", MEETING + "/devices"): Row(HOSTS),
    ("POST", MEETING + "/devices"): Row(hosts(201), {"name": "Encoder"}),
    ("DELETE", MEETING + "/devices/{device_id}"): Row(HOSTS),
    ("GET", MEETING + "/authorization"): Row(HOSTS),
    ("PUT", MEETING + "/authorization"): Row(HOSTS, {"on": False}),
    ("POST", MEETING + "/authorization/secret"): Row(HOSTS),
    ("POST", MEETING + "/authorization/test"): Row(hosts(422), {}),  # there is no address yet
    ("GET", "/api/v1/webhooks"): Row(EVERY_ACCOUNT),
    ("POST", "/api/v1/webhooks"): Row(
        {**NOBODYS, **dict.fromkeys(CALLERS[3:], 201)}, {"url": "https://hooks.example.org/lintel"}
    ),
    ("GET", HOOK): Row(THE_HOSTS_OWN),
    ("PATCH", HOOK): Row(THE_HOSTS_OWN, {"on": False}),
    ("DELETE", HOOK): Row({**THE_HOSTS_OWN, "host": 204}),
    ("POST", HOOK + "/ping"): Row(THE_HOSTS_OWN),
    ("POST", HOOK + "/secret"): Row(THE_HOSTS_OWN),
    ("GET", HOOK + "/deliveries"): Row(THE_HOSTS_OWN),
    ("GET", "/api/v1/audit"): Row(ADMINS),
    ("GET", "/api/v1/organisation/door"): Row(ADMINS),
    ("PUT", "/api/v1/organisation/door"): Row(ADMINS, {"door": "everyone_knocks"}),
    ("GET", "/api/v1/door-templates"): Row(EVERY_ACCOUNT),
    ("POST", "/api/v1/door-templates"): Row(admins(201), {"name": "Client call"}),
    ("PATCH", "/api/v1/door-templates/{template_id}"): Row(ADMINS, {"about": "For clients"}),
    ("DELETE", "/api/v1/door-templates/{template_id}"): Row(admins(204)),
    ("GET", "/api/v1/organisation/groups"): Row(ADMINS),
    ("POST", "/api/v1/organisation/groups"): Row(admins(201), {"name": "Safety team"}),
    ("PATCH", "/api/v1/organisation/groups/{group_id}"): Row(ADMINS, {"name": "Safety"}),
    ("DELETE", "/api/v1/organisation/groups/{group_id}"): Row(admins(204)),
}
IDS = (
    *("meeting_id", "invitation_id", "participant_id", "exception_id", "group_id", "template_id", "occurrence_id"),
    *("webhook_id", "device_id", "block_id"),
)
NEEDS_INSIDE = {"remove", "mute", "move-to-door", "ask", "rights"}


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Every operation of the document."""
    document = json.loads(api.document_text())
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_table_names_every_operation_and_no_other() -> None:
    assert set(TABLE) == set(operations())


def test_every_row_names_every_caller() -> None:
    for operation, row in TABLE.items():
        assert set(row.answers) == set(CALLERS), operation


class EveryCaller(ApiCase):
    """One world per operation. Refused callers come first: whatever they did would show in the host's answer."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.people = {name: person(name) for name in CALLERS[2:] if name != "admin"}
        cls.people["admin"] = person("admin", User.Role.ADMIN)
        cls.meeting = meeting_of(cls.people["host"])
        meeting_of(cls.people["other_host"])
        seat(cls.meeting, state=Participant.State.LEFT, user=cls.people["colleague"], device="c")
        for state in ("waiting", "inside", "refused", "removed"):
            seat(cls.meeting, state=state, user=cls.people[state], device=state)
        there = cls.meeting.occurrences.get()
        cls.block = Block.objects.create(occurrence=there, user=cls.people["removed"], removed=True)
        invited(cls.people["host"], cls.meeting, "listed@example.org")
        cls.invitation = invited(cls.people["host"], cls.meeting, "guest@elsewhere.example")
        listed = cls.people["listed"]
        cls.template = DoorTemplate.objects.create(name="Hearing")
        cls.group = PeopleGroup.objects.create(name="Board")
        cls.exception = exceptions.set_exception(cls.people["host"], cls.meeting, listed, Way.KNOCKS)
        roundtrip.change_service(None, None, roundtrip.Settings("", is_on=False, hosts_may_replace=True))
        there = cls.meeting.occurrences.get()
        cls.device = devices.make(cls.people["host"], there, "Encoder", may_publish=True, may_watch=False).device
        cls.webhook, _secret = webhooks.make(cls.people["host"], url="https://hooks.invalid/")
        Meeting.objects.filter(pk=cls.meeting.pk).update(door_opens_minutes=None)
        occurrence = cls.meeting.occurrences.get()
        occurrence.started_at = timezone.now()
        occurrence.save()

    async def answers(self, method: str, path: str, row: Row) -> dict[str, int]:
        inside = path.rpartition("/")[2] in NEEDS_INSIDE
        state = Participant.State.INSIDE if inside else Participant.State.WAITING
        there = await sync_to_async(seat)(self.meeting, state=state)
        tokens = {name: await token_of(user) for name, user in self.people.items()}
        await User.objects.filter(email="inactive@example.org").aupdate(is_active=False)
        address = path.removeprefix("/api/v1").format(
            meeting_id=self.meeting.pk,
            invitation_id=self.invitation,
            participant_id=there.pk,
            exception_id=self.exception.pk,
            group_id=self.group.pk,
            template_id=self.template.pk,
            occurrence_id=there.occurrence_id,
            webhook_id=self.webhook.pk,
            device_id=self.device.pk,
            block_id=self.block.pk,
        )
        async with running_live() as live:
            await live.reconcile(str(there.occurrence_id))
            found = {}
            for caller in CALLERS:
                token = {"nobody": None, "bad_token": "lintel_" + "x" * 43}.get(caller, tokens.get(caller))
                answer = await self.call(method, address, token, row.body)
                found[caller] = answer.status
                if answer.status >= 400:
                    assert answer.response["Content-Type"] == "application/problem+json", (caller, answer.body)
                    assert answer.body["status"] == answer.status
            return found


def _add(method: str, path: str, row: Row) -> None:
    async def test(self: EveryCaller) -> None:
        assert await self.answers(method, path, row) == row.answers

    name = f"{method.lower()} {path.removeprefix('/api/v1/')}"
    test.__doc__ = f"Each caller's answer of {name} is the table's."
    safe = "".join(char if char.isalnum() else "_" for char in name)
    setattr(EveryCaller, f"test_{safe}_answers_as_the_table_says", test)


for (_method, _path), _row in TABLE.items():
    _add(_method, _path, _row)


class Scopes(ApiCase):
    async def test_a_token_does_nothing_outside_its_scopes(self) -> None:
        host = await sync_to_async(person)("host")
        tokens = {scope: await token_of(host, scope) for scope in ApiToken.Scope.values}
        for (method, path), operation in operations().items():
            address = path.removeprefix("/api/v1").format(**dict.fromkeys(IDS, uuid4()))
            for scope, token in tokens.items():
                answer = await self.call(method, address, token, TABLE[method, path].body)
                if scope == operation["x-scope"]:
                    assert answer.code != "scope_missing", (method, path, scope)
                else:
                    assert (answer.status, answer.code) == (403, "scope_missing"), (method, path, scope)


class OtherMeetingsIds(ApiCase):
    """Ids of one meeting under another meeting's address reach nothing, even when one person hosts both."""

    def setUp(self) -> None:
        super().setUp()
        self.host = person("host")
        self.mine, self.other = meeting_of(self.host), meeting_of(person("second"))
        self.invitation = invited(self.other.hosts.get(), self.other, "guest@elsewhere.example")
        self.there = seat(self.other, state=Participant.State.WAITING)

    async def test_another_meetings_invitation_is_not_found(self) -> None:
        token = await token_of(self.host)
        for action in ("revoke", "restore", "resend"):
            answer = await self.call("POST", f"/meetings/{self.mine.pk}/invitations/{self.invitation}/{action}", token)
            assert (answer.status, answer.code) == (404, "not_found"), action

    async def test_another_meetings_exception_is_not_found(self) -> None:
        host = await self.other.hosts.aget()
        there = await sync_to_async(exceptions.set_exception)(host, self.other, "guest@elsewhere.example", Way.KNOCKS)
        token = await token_of(self.host)
        answer = await self.call("DELETE", f"/meetings/{self.mine.pk}/exceptions/{there.pk}", token)
        assert (answer.status, answer.code) == (404, "not_found")
        assert await self.other.exceptions.acount() == 1

    async def test_another_meetings_participant_is_not_found(self) -> None:
        token = await token_of(self.host)
        async with running_live():
            for action in ("admit", "refuse", "remove", "mute", "move-to-door", "ask", "make-host", "take-host"):
                path = f"/meetings/{self.mine.pk}/participants/{self.there.pk}/{action}"
                answer = await self.call("POST", path, token)
                assert (answer.status, answer.code) == (404, "not_found"), (action, answer.body)
        await self.there.arefresh_from_db()
        assert self.there.state == Participant.State.WAITING


@pytest.mark.django_db
def test_an_unknown_meeting_and_somebody_elses_answer_alike() -> None:
    """The whole answer is compared, headers too: only then does it tell nothing."""
    stranger, host = person("stranger"), person("host")
    theirs = meeting_of(host)
    token = make_token(stranger, "t", [])
    answers = [
        Client().get(f"/api/v1/meetings/{pk}", headers={"authorization": f"Bearer {token}"})
        for pk in (theirs.pk, uuid4())
    ]
    assert answers[0].content == answers[1].content
    assert dict(answers[0].items()) == dict(answers[1].items())
    assert answers[0].status_code == answers[1].status_code == 404

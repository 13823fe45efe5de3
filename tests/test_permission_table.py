"""Who gets where: every address of the portal × every kind of visitor × GET and POST, from one table.

An address that is missing from the table fails the test, so that no page is added without saying whose it is. The API's
operations have a table of their own (portal/tests/test_api_permissions.py); this one makes sure that it names them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, TestCase
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from meetings import codes
from meetings.devices import services as devices
from meetings.door import Rules, with_preset
from meetings.models import AuditDetail, Block, DoorTemplate, Invitation, Meeting, Occurrence, Participant, PeopleGroup
from meetings.services import invitations
from meetings.tests.live_case import Browser, jwk_of, running_live
from meetings.webhooks import services as webhooks
from portal.accounts.services import invite_person
from portal.models import User
from portal.tests.api_case import meeting_of, occurrence_of, person
from portal.tests.test_api_permissions import TABLE as API_TABLE

VISITORS = (
    *("nobody", "stranger", "guest", "waiting", "refused", "removed"),
    *("staff", "colleague", "other_host", "listed", "admin", "host"),
)
"""The first six are not signed in: the stranger has opened the meeting's code, the others a personal link each, and the
last three have been to the door with it. staff, colleague, other_host and admin have no part in the meeting; the
colleague has opened its code. Those who may change something come last."""

SIGNED_OUT = VISITORS[:6]
AT_THE_DOOR = ("waiting", "refused", "removed")
OUTSIDE = ("staff", "colleague", "other_host", "admin")

PAGE = "page"  # answered with content; a form that was posted empty is shown again
ON = "on"  # led on to another page
SIGN_IN = "sign in"  # led to the sign-in page
GONE = "404"
NOT_SO = "405"  # not with this method
NO_TOKEN = "401"  # for devices with a token of theirs; nobody's account stands for one
UNSIGNED = "403"  # for programs that sign; nobody who is signed in is one
NO_SERVER = "503"  # readiness, where no server runs around the test
KNOCK, COME_IN, CLOSED = "wait", "admit", "refuse"  # what the door said

Row = dict[str, str]


def all_of(outcome: str) -> Row:
    return dict.fromkeys(VISITORS, outcome)


def accounts(outcome: str) -> Row:
    """Everybody who is signed in."""
    return {**all_of(outcome), **dict.fromkeys(SIGNED_OUT, SIGN_IN)}


def insiders(outcome: str) -> Row:
    """Hosts and listed people; for other accounts there is no such page."""
    return {**accounts(outcome), **dict.fromkeys(OUTSIDE, GONE)}


def hosts(outcome: str) -> Row:
    return {**insiders(outcome), "listed": GONE}


def admins(outcome: str) -> Row:
    return {**accounts(GONE), "admin": outcome}


SIGNED_OUT_ONLY = {**all_of(ON), **dict.fromkeys(SIGNED_OUT, PAGE)}
EVERYBODY, NOBODY = all_of(PAGE), all_of(NOT_SO)
ONE = "meetings/<uuid:meeting_id>/"
ASKED = ONE + "invitations/<uuid:invitation_id>/"
SOMEBODY = "people/<uuid:person_id>/"
HOOK = "account/webhooks/<uuid:webhook_id>/"
OWNER_PAGE = {**accounts(GONE), "listed": PAGE}
"""The webhook of the table is the listed person's: nobody else's account finds it."""
KNOWN = {**all_of(PAGE), "nobody": GONE, "stranger": GONE}
"""Signed-out people without a link of theirs get the page that an unknown code gets."""
ASKS = {**all_of(KNOCK), **dict.fromkeys(("nobody", "stranger", "refused", "removed"), CLOSED), "host": COME_IN}

TABLE: dict[str, tuple[Row, Row]] = {
    # address: (GET, POST)
    "livez": (EVERYBODY, EVERYBODY),
    "readyz": (all_of(NO_SERVER), all_of(NO_SERVER)),
    "sign-in/": (SIGNED_OUT_ONLY, SIGNED_OUT_ONLY),
    "sign-out/": (accounts(PAGE), all_of(SIGN_IN)),
    "sign-up/": (SIGNED_OUT_ONLY, SIGNED_OUT_ONLY),
    "sign-in/inactive/": (EVERYBODY, NOBODY),
    "new-link/": (EVERYBODY, EVERYBODY),
    "new-link/sent/": (EVERYBODY, NOBODY),
    "password/reset/": (EVERYBODY, EVERYBODY),
    "password/reset/done/": (EVERYBODY, NOBODY),
    "password/reset/key/done/": (EVERYBODY, NOBODY),
    r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]{1,40})-(?P<key>[-\w]{1,200})/$": (EVERYBODY, EVERYBODY),
    "setup/<str:token>/": (EVERYBODY, EVERYBODY),
    "account/": (accounts(PAGE), accounts(PAGE)),
    "theme/": (NOBODY, all_of(ON)),
    r"^help/(?P<topic>encryption|keyboard|browsers)/$": (EVERYBODY, EVERYBODY),
    "people/": (admins(PAGE), admins(NOT_SO)),
    "people/invite/": (admins(PAGE), admins(PAGE)),
    SOMEBODY + "link/": (admins(NOT_SO), admins(PAGE)),
    SOMEBODY + "role/<str:role>/": (admins(PAGE), admins(ON)),
    SOMEBODY + "deactivate/": (admins(PAGE), admins(ON)),
    SOMEBODY + "reactivate/": (admins(NOT_SO), admins(ON)),
    "organisation/": (admins(ON), admins(NOT_SO)),
    "organisation/retention/": (admins(PAGE), admins(PAGE)),
    "organisation/person/": (admins(PAGE), admins(PAGE)),
    "organisation/person/export/": (admins(NOT_SO), admins(PAGE)),
    "organisation/person/erase/": (admins(NOT_SO), admins(PAGE)),
    "organisation/door/": (admins(PAGE), admins(PAGE)),
    "organisation/templates/": (admins(PAGE), admins(NOT_SO)),
    "organisation/templates/new/": (admins(PAGE), admins(PAGE)),
    "organisation/templates/<uuid:template_id>/": (admins(PAGE), admins(PAGE)),
    "organisation/templates/<uuid:template_id>/delete/": (admins(PAGE), admins(ON)),
    "organisation/groups/": (admins(PAGE), admins(NOT_SO)),
    "organisation/groups/new/": (admins(PAGE), admins(PAGE)),
    "organisation/groups/<uuid:group_id>/": (admins(PAGE), admins(PAGE)),
    "organisation/groups/<uuid:group_id>/delete/": (admins(PAGE), admins(ON)),
    "audit/": (admins(PAGE), admins(NOT_SO)),
    "audit/<int:number>/": (admins(PAGE), admins(NOT_SO)),
    "audit.<str:form_of>": (admins(PAGE), admins(NOT_SO)),
    "": (all_of(ON), all_of(ON)),
    "meetings/": (accounts(PAGE), accounts(NOT_SO)),
    "meetings/earlier/": (accounts(PAGE), accounts(NOT_SO)),
    "meetings/start/": (accounts(NOT_SO), accounts(ON)),
    "meetings/join/": (accounts(NOT_SO), accounts(PAGE)),
    "meetings/new/": (accounts(PAGE), accounts(PAGE)),
    ONE: (insiders(PAGE), accounts(NOT_SO)),
    ONE + "edit/": (hosts(PAGE), hosts(PAGE)),
    ONE + "cancel/": (hosts(PAGE), hosts(ON)),
    ONE + "attendance.csv": (hosts(PAGE), accounts(NOT_SO)),
    ONE + "history/": (hosts(PAGE), accounts(NOT_SO)),
    ONE + "history/<int:number>/": (hosts(PAGE), accounts(NOT_SO)),
    ONE + "history.<str:form_of>": (hosts(PAGE), accounts(NOT_SO)),
    ONE + "devices/": (hosts(PAGE), hosts(PAGE)),
    ONE + "devices/<uuid:device_id>/take-back/": (hosts(PAGE), hosts(ON)),
    "whip/<uuid:meeting_id>": (NOBODY, all_of(NO_TOKEN)),
    "whip/<uuid:meeting_id>/<str:session_id>": (NOBODY, NOBODY),
    "whep/<uuid:meeting_id>": (NOBODY, all_of(NO_TOKEN)),
    "whep/<uuid:meeting_id>/<str:session_id>": (NOBODY, NOBODY),
    ONE + "unlist/": (accounts(NOT_SO), hosts(GONE)),  # nothing is named in an empty form
    ONE + "exception/": (accounts(NOT_SO), hosts(PAGE)),
    ONE + "blocks/lift/": (accounts(NOT_SO), hosts(GONE)),  # no block is named in an empty form
    ONE + "link/key/": (accounts(NOT_SO), hosts(PAGE)),
    ONE + "invite/": (accounts(NOT_SO), hosts(PAGE)),
    ASKED + "link/": (accounts(NOT_SO), hosts(PAGE)),
    ASKED + "resend/": (accounts(NOT_SO), hosts(ON)),
    ASKED + "revoke/": (hosts(PAGE), hosts(ON)),
    ASKED + "restore/": (accounts(NOT_SO), hosts(ON)),
    ASKED + "replace/": (hosts(PAGE), hosts(ON)),
    ASKED + "address/": (hosts(PAGE), hosts(PAGE)),
    # The guest of the table has no account: there is nobody to make a host of.
    ASKED + "host/": (hosts(GONE), hosts(GONE)),
    ONE + "links/replace/": (hosts(PAGE), hosts(ON)),
    ONE + "links/revoke/": (hosts(PAGE), hosts(ON)),
    ONE + "links/restore/": (accounts(NOT_SO), hosts(ON)),
    ONE + "link/replace/": (hosts(PAGE), hosts(ON)),
    "m/<str:code>": (KNOWN, NOBODY),
    "m/<str:code>/look": (NOBODY, ASKS),
    "m/<str:code>/arrive": (NOBODY, ASKS),
    "m/<str:code>/new-link": (NOBODY, ASKS),
    "m/<str:code>/calendar.ics": (
        {**all_of(GONE), **dict.fromkeys(("guest", *AT_THE_DOOR, "listed", "host"), PAGE)},
        NOBODY,
    ),
    "i/<str:secret>": (all_of(ON), NOBODY),
    "organisation/authorization/": (admins(PAGE), admins(PAGE)),
    "organisation/authorization/secret/": (admins(NOT_SO), admins(PAGE)),
    "organisation/authorization/test/": (admins(NOT_SO), admins(PAGE)),
    "organisation/outgoing/allow/": (admins(NOT_SO), admins(PAGE)),
    "organisation/outgoing/<int:destination_id>/disallow/": (admins(NOT_SO), admins(GONE)),
    "organisation/streams/": (admins(PAGE), admins(ON)),
    "organisation/streams/secret/": (admins(NOT_SO), admins(PAGE)),
    "organisation/webhooks/": (admins(PAGE), admins(NOT_SO)),
    "organisation/webhooks/<uuid:webhook_id>/end/": (admins(PAGE), admins(ON)),
    "account/webhooks/": (accounts(PAGE), accounts(PAGE)),
    HOOK: (OWNER_PAGE, OWNER_PAGE),
    HOOK + "switch/": (accounts(NOT_SO), {**OWNER_PAGE, "listed": ON}),
    HOOK + "secret/": (accounts(NOT_SO), OWNER_PAGE),
    HOOK + "test/": (accounts(NOT_SO), OWNER_PAGE),
    HOOK + "end/": (OWNER_PAGE, {**OWNER_PAGE, "listed": ON}),
    ONE + "authorization/": (hosts(PAGE), hosts(GONE)),
    ONE + "authorization/secret/": (accounts(NOT_SO), hosts(GONE)),
    ONE + "authorization/test/": (accounts(NOT_SO), hosts(GONE)),
    "rta/revoke": (NOBODY, all_of(UNSIGNED)),
    "rta/<str:secret>/validateCredentials": (all_of(GONE), all_of(GONE)),
    "rta/<str:secret>/invalidateCredentials": (all_of(GONE), all_of(GONE)),
    "validateCredentials": (all_of(GONE), all_of(GONE)),
    "invalidateCredentials": (all_of(GONE), all_of(GONE)),
    "api/v1/": (all_of(ON), all_of(ON)),
    "api/v1/openapi.json": (EVERYBODY, EVERYBODY),
    "api/v1/docs": (EVERYBODY, EVERYBODY),
    "api/v1/^(?P<rest>.*)$": (all_of(GONE), all_of(GONE)),
}

KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in AT_THE_DOOR}
"""The device keys of those who have been to the door: a seat belongs to one."""


def routes(patterns: Any = None, before: str = "") -> Iterator[str]:
    """Every address of the URLconf, as it is written there."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, before + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield before + str(pattern.pattern)


def test_the_table_names_every_address_and_no_other() -> None:
    operations = {re.sub(r"{(\w+)}", r"<\1>", path).lstrip("/") for _, path in API_TABLE}
    assert set(TABLE) | operations == set(routes())


def test_every_row_names_every_visitor() -> None:
    for route, rows in TABLE.items():
        for row in rows:
            assert set(row) == set(VISITORS), route


class EveryVisitor(TestCase):
    """One world per address and method. The host comes last: what others must not do would show in the answer."""

    @classmethod
    def setUpTestData(cls) -> None:
        roles = {"admin": User.Role.ADMIN}
        cls.people = {name: person(name, roles.get(name, User.Role.STAFF)) for name in VISITORS[6:]}
        host = cls.people["host"]
        rules = with_preset(Rules(opens_minutes=None), "guests_knock")
        cls.sessions = {name: session_of(user) for name, user in cls.people.items()}
        cls.meeting = meeting_of(host, rules=rules, people=["listed@example.org", "guest@elsewhere.example"])
        meeting_of(cls.people["other_host"])
        guest = Invitation.objects.get(email="guest@elsewhere.example")
        secret = invitations.mint_link(guest).rpartition("/i/")[2]
        other = invitations.invite(host, occurrence_of(cls.meeting), "another@elsewhere.example", send=False)
        # Each visitor's own: what one of them uses up is not missing for the next.
        cls.secrets = {name: invitations.mint_link(other).rpartition("/i/")[2] for name in VISITORS}
        cls.secrets["guest"] = secret
        for name in AT_THE_DOOR:
            cls.secrets[name] = been_to_the_door(name, occurrence_of(cls.meeting), host)
        somebody = person("somebody")
        setup = invite_person("new@example.org", "New", User.Role.STAFF, cls.people["admin"])
        cls.device = devices.make(host, occurrence_of(cls.meeting), "Encoder", may_publish=True, may_watch=False).device
        cls.words = {
            "meeting_id": str(cls.meeting.pk),
            "invitation_id": str(other.pk),
            "person_id": str(somebody.pk),
            "destination_id": "987654",
            "template_id": str(DoorTemplate.objects.create(name="Hearing").pk),
            "group_id": str(PeopleGroup.objects.create(name="Safety team").pk),
            "device_id": str(cls.device.pk),
            "session_id": "nobody-s",
            "webhook_id": str(webhooks.make(cls.people["listed"], url="https://hooks.invalid/")[0].pk),
            "code": cls.meeting.code,
            "number": str(AuditDetail.objects.filter(meeting=cls.meeting).latest("entry_id").entry_id),
            "form_of": "csv",
            "role": "staff",
            "token": setup.rstrip("/").rpartition("/")[2],
            "topic": "encryption",
            "uidb36": "1",
            "key": "abc-def",
            "rest": "nothing/here",
        }
        cls.cookies = {name: async_to_sync(cls.cookies_of)(name) for name in VISITORS}

    @classmethod
    async def cookies_of(cls, visitor: str) -> str:
        """What the visitor's browser has kept before it asks for anything; the same for all addresses."""
        browser = Browser(None)
        if visitor in cls.people:
            browser.http.cookies[settings.SESSION_COOKIE_NAME] = cls.sessions[visitor]
        if visitor in {"stranger", "colleague"}:
            await browser.page(cls.meeting.code)
        if visitor == "guest" or visitor in AT_THE_DOOR:
            await browser.open_link(cls.secrets[visitor])
        return "; ".join(f"{name}={morsel.value}" for name, morsel in browser.http.cookies.items())

    def address(self, route: str, visitor: str) -> str:
        words = {**self.words, "secret": self.secrets[visitor]}
        path = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda found: words[found[1]], route)
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: words[found[1]], path)
        return "/" + path.replace("^", "").replace("$", "")

    def browser(self, live: Any, visitor: str) -> Browser:
        browser = Browser(live)
        browser.http.handler.enforce_csrf_checks = False
        browser.http.cookies.load(self.cookies[visitor])
        if visitor in AT_THE_DOOR:
            browser.key = KEYS[visitor]
        return browser

    async def outcome(self, live: Any, visitor: str, method: str, route: str) -> str:
        browser = self.browser(live, visitor)
        path = self.address(route, visitor)
        if method == "POST" and route.endswith("/new-link"):
            await browser.page(self.meeting.code)
            proof = browser.prove(self.meeting.code)
            return str((await browser.post(path, {"device": browser.jwk, "proof": proof})).json()["outcome"])
        if method == "POST" and route.endswith(("/arrive", "/look")):
            await browser.page(self.meeting.code)
            if route.endswith("/arrive"):
                return str((await browser.arrive(self.meeting.code, "Ada"))["outcome"])
            return str((await browser.post(path, {})).json()["outcome"])
        return outcome_of(await browser.http.generic(method, path))

    async def check(self, method: str, route: str, row: Row) -> None:
        found = {}
        # Only the door asks the live part; elsewhere it would cost its start and change nothing.
        async with running_live() if route.startswith(("m/", "i/", "whip/", "whep/")) else nullcontext() as live:
            for visitor in VISITORS:
                found[visitor] = await self.outcome(live, visitor, method, route)
                if visitor == "listed":
                    await sync_to_async(self.untouched)()
        assert found == row

    def untouched(self) -> None:
        """Whatever visitors without the right have asked for: nothing of the meeting or of people has changed."""
        meeting = Meeting.objects.get(pk=self.meeting.pk)
        assert (meeting.title, meeting.cancelled_at) == (self.meeting.title, None)
        assert not Occurrence.objects.filter(meeting=meeting, cancelled_at__isnull=False).exists()
        assert not Invitation.objects.filter(revoked_at__isnull=False).exists()
        assert User.objects.get(pk=self.words["person_id"]).is_active


def session_of(user: User) -> str:
    """Signed in once for all addresses: that costs more than most of what is asked."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def been_to_the_door(name: str, occurrence: Occurrence, host: User) -> str:
    """Somebody who has knocked with a personal link, and what a host answered; returns the link's secret."""
    invitation = invitations.invite(host, occurrence, f"{name}@elsewhere.example", send=False)
    secret = invitations.mint_link(invitation).rpartition("/i/")[2]
    device = codes.thumbprint(jwk_of(KEYS[name]))
    invitations.claim(invitation, device, timezone.now(), token=invitation.tokens.get())
    refused = name == "refused"
    Participant.objects.create(
        occurrence=occurrence,
        kind=Participant.Kind.GUEST,
        state=name,
        invitation=invitation,
        device=device,
        name=name,
        knocked_at=timezone.now(),
        refused_until=timezone.now() + timedelta(hours=2) if refused else None,
    )
    if name == "removed":
        Block.objects.create(occurrence=occurrence, invitation=invitation, device=device, removed=True)
    return secret


def outcome_of(response: HttpResponse) -> str:
    if response.status_code in {301, 302}:
        return SIGN_IN if response["Location"].startswith("/sign-in/") else ON
    return PAGE if response.status_code in {200, 422} else str(response.status_code)


def _add(route: str, method: str, row: Row) -> None:
    async def test(self: EveryVisitor) -> None:
        await self.check(method, route, row)

    words = re.sub(r"\W+", "_", re.sub(r"\(\?P<(\w+)>.*?\)(?=[-/$])", r"\1", route)).strip("_") or "home"
    setattr(EveryVisitor, f"test_{method.lower()}_{words}_answers_as_the_table_says", test)


for _route, _rows in TABLE.items():
    for _method, _row in zip(("GET", "POST"), _rows, strict=True):
        _add(_route, _method, _row)

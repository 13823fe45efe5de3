"""What an administrator settles for all doors: the page, and what it does to hosts' forms and to programs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from django.test import Client, TestCase, override_settings

from meetings import audit
from meetings.door import Rules, Way, with_preset
from meetings.doorlimits import ALL_OPEN, RIGHTS, Limits
from meetings.models import AuditEntry, Change, DoorPolicy, Meeting
from meetings.selectors import limits_now, rules_of
from meetings.services import organisation, scheduling
from meetings.services.errors import NotAnAdministrator, Wrong
from meetings.tests.pages_case import PLAIN_TASKS, filled
from meetings.tests.pages_case import PagesCase as SchedulePages
from portal.models import User
from portal.tests.api_case import ApiCase, meeting_of, person, token_of
from portal.tests.test_pages import PagesCase

NO_STRANGERS = Limits(most=replace(ALL_OPEN, anyone=Way.KNOCKS))


def policy_form(**changes: Any) -> dict[str, Any]:
    """The form as it is posted untouched; None leaves a field out."""
    rows = ("listed", "colleagues", "guests", "anyone")
    fields = {name: value for name, value in filled().items() if name in (*rows, "preset", "was_preset", "was_rows")}
    fields |= {"opens": "10", "without_host": "wait", "lock_after": ""}
    fields |= {**dict.fromkeys(("speak", "show", "share", "chat"), "everyone"), "record": "hosts"}
    fields |= {f"most_{row}": "walks_in" for row in rows}
    options = ("opens", "without_host", "lock_after", "capacity", *RIGHTS, "mics_start_off")
    fields |= {f"free_{name}": "on" for name in (*rows, *options)}
    return {name: value for name, value in (fields | changes).items() if value is not None}


class ThePage(PagesCase):
    def post(self, **changes: Any) -> Any:
        return self.client.post("/organisation/door/", policy_form(**changes), follow=True)

    def test_administrators_find_it_in_the_rail_and_others_do_not(self) -> None:
        self.assertContains(self.client.get("/meetings/"), "Administration")
        self.assertRedirects(self.client.get("/organisation/"), "/organisation/door/")
        self.client.force_login(self.ingrid)
        self.assertNotContains(self.client.get("/meetings/"), "Administration")
        for method in (self.client.get, self.client.post):
            assert method("/organisation/door/").status_code == 404
        assert not DoorPolicy.objects.exists()

    def test_nothing_is_stored_by_looking_or_by_saving_what_is_there(self) -> None:
        entries = AuditEntry.objects.count()
        self.client.get("/organisation/door/")
        self.post()
        assert not DoorPolicy.objects.exists()
        assert AuditEntry.objects.count() == entries

    def test_what_is_saved_is_shown_again_and_told_in_the_audit_log(self) -> None:
        answer = self.post(most_anyone="knocks", guests="turned_away", free_colleagues=None, free_opens=None, opens="0")
        self.assertContains(answer, "Saved. It holds for all meetings from now on")
        limits = limits_now()
        assert limits.most.anyone is Way.KNOCKS
        assert limits.defaults.guests is Way.TURNED_AWAY
        assert limits.defaults.opens_minutes == 0
        assert limits.fixed == {"colleagues", "opens_minutes"}
        entry = AuditEntry.objects.latest("number")
        assert entry.kind == "organisation.door_changed"
        told = audit.sentence(entry)
        assert "Ada Admin changed what holds for the doors of all meetings" in told
        assert "anyone else with the link at most: knocks" in told
        assert "hosts may change “others signed in”: not any more" in told
        text = self.client.get("/organisation/door/").content.decode()
        assert re.search(r'name="most_anyone".*?<option value="knocks" selected>', text, re.DOTALL)
        assert not re.search(r'name="free_colleagues" checked', text)

    def test_a_limit_wakes_every_live_meeting(self) -> None:
        self.post(most_anyone="knocks")
        assert Change.objects.filter(occurrence=None).exists()

    def test_contradictions_are_named_beside_their_field_and_store_nothing(self) -> None:
        answer = self.post(most_anyone="walks_in", most_colleagues="knocks", listed="walks_in", colleagues="knocks")
        assert answer.status_code == 422
        self.assertContains(answer, "Anyone else with the link can’t be allowed more than", status_code=422)
        answer = self.post(most_colleagues="knocks", most_anyone="knocks")
        self.assertContains(answer, "new meetings can’t start more open than hosts may choose", status_code=422)
        for wrong in ({"most_anyone": "open"}, {"listed": ""}, {"opens": "99999"}, {"without_host": "never"}):
            assert self.post(**wrong).status_code == 422, wrong
        assert not DoorPolicy.objects.exists()

    def test_without_a_script_a_row_that_was_raised_raises_the_others_and_says_so(self) -> None:
        answer = self.post(anyone="walks_in")
        self.assertContains(answer, "Also changed")
        assert limits_now().defaults.guests is Way.WALKS_IN


class TheService(PagesCase):
    def test_only_an_administrator_of_this_moment_may(self) -> None:
        self.admin.role = User.Role.STAFF
        self.admin.save()
        for by in (self.ingrid, self.admin, None):
            with self.assertRaises(NotAnAdministrator):
                organisation.change_door_policy(by, NO_STRANGERS)
        assert not DoorPolicy.objects.exists()

    def test_limits_that_contradict_themselves_are_refused(self) -> None:
        for wrong in (
            Limits(most=replace(ALL_OPEN, listed=Way.KNOCKS)),
            Limits(with_preset(Rules(), "anyone_with_link"), NO_STRANGERS.most),
            Limits(fixed=frozenset({"encryption"})),
        ):
            with self.assertRaises(Wrong):
                organisation.change_door_policy(self.admin, wrong)

    def test_a_meeting_that_exists_follows_and_its_own_rules_come_back_with_the_freedom(self) -> None:
        meeting = self.meeting(rules=with_preset(Rules(), "anyone_with_link"))
        organisation.change_door_policy(self.admin, NO_STRANGERS)
        assert rules_of(meeting).anyone is Way.KNOCKS
        organisation.change_door_policy(self.admin, Limits())
        assert rules_of(meeting).anyone is Way.WALKS_IN


@override_settings(TASKS=PLAIN_TASKS)
class TheHostsForm(SchedulePages):
    def settle(self, limits: Limits) -> None:
        admin = self.person("admin@nordhavn.example", "Ada Admin", role=User.Role.ADMIN)
        organisation.change_door_policy(admin, limits)

    def test_a_new_meeting_starts_as_the_organisation_says(self) -> None:
        self.settle(Limits(replace(with_preset(Rules(), "everyone_knocks"), lock_after_minutes=15)))
        form = self.client.get("/meetings/new/").context["form"]
        assert form["preset"].value() == "everyone_knocks"
        assert form["lock_after"].value() == "15"
        assert scheduling.start_now(self.ingrid).door_listed == Way.KNOCKS

    def test_what_is_turned_off_is_shown_disabled_with_the_reason(self) -> None:
        self.settle(replace(NO_STRANGERS, fixed=frozenset({"without_host", "mics_start_off"})))
        text = self.client.get("/meetings/new/").content.decode()
        preset = re.search(r'<label class="preset"><input[^>]*value="anyone_with_link"[^>]*>.*?</label>', text)[0]
        assert " disabled" in preset
        assert "Turned off by your administrator" in preset
        assert re.search(r'name="anyone" value="walks_in" disabled', text)
        assert "Walks in: turned off by your administrator." in text
        assert re.search(r'<select name="without_host"[^>]*disabled', text)
        assert re.search(r'name="mics_start_off" disabled', text)

    def test_a_form_that_asks_for_more_all_the_same_is_refused(self) -> None:
        self.settle(NO_STRANGERS)
        errors = self.errors(preset="anyone_with_link")
        assert "Turned off by your administrator" in errors["anyone"][0]
        errors = self.errors(anyone="walks_in", guests="walks_in")
        assert "Turned off by your administrator" in errors["anyone"][0]

    def test_what_a_disabled_option_posts_does_not_count(self) -> None:
        self.settle(Limits(fixed=frozenset({"without_host", "share", "opens_minutes"})))
        meeting = self.scheduled(without_host="listed_start", share="hosts", opens="any")
        assert (meeting.without_host, meeting.may_share, meeting.door_opens_minutes) == ("wait", "everyone", 10)

    def test_a_code_for_guests_is_asked_where_the_organisation_asks_for_it(self) -> None:
        self.settle(Limits(most=replace(ALL_OPEN, guests_verified=True)))
        meeting = self.scheduled(guests="walks_in", preset="", guests_verified=None)
        assert meeting.door_guests_verified

    def test_an_edit_starts_from_what_holds_and_may_keep_it(self) -> None:
        meeting = self.scheduled(preset="anyone_with_link", was_preset="", anyone="walks_in", guests="walks_in")
        self.settle(NO_STRANGERS)
        form = self.client.get(f"/meetings/{meeting.pk}/edit/").context["form"]
        assert form["anyone"].value() == "knocks"
        self.assertNotContains(self.client.get("/meetings/"), "Anyone walks in")
        fields = {name: form[name].value() for name in filled(preset=None) if form[name].value() is not None}
        fields |= {"date": form["date"].value().isoformat(), "starts": form["starts"].value().strftime("%H:%M")}
        answer = self.client.post(f"/meetings/{meeting.pk}/edit/", fields | {"title": "Renamed", "tell": "no"})
        assert answer.status_code == 302
        meeting.refresh_from_db()
        assert (meeting.title, meeting.door_anyone) == ("Renamed", "walks_in")


class Programs(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin, self.host = person("admin", User.Role.ADMIN), person("host")

    async def asked(self, limits: Limits, **body: Any) -> Any:
        from asgiref.sync import sync_to_async

        await sync_to_async(organisation.change_door_policy)(self.admin, limits)
        token = await token_of(self.host, "read", "write")
        meeting = {"title": "Board", "starts_at": "2030-01-01T10:00:00Z"} | body
        return await self.call("POST", "/meetings", token, meeting)

    async def test_every_field_beyond_a_limit_is_named_with_the_limit(self) -> None:
        limits = replace(NO_STRANGERS, fixed=frozenset({"lock_after_minutes", "colleagues"}))
        table = {"listed": "walks_in", "colleagues": "knocks", "guests": "walks_in", "anyone": "knocks"}
        answer = await self.asked(limits, door=table, options={"lock_after_minutes": 5})
        assert answer.status == 422
        assert answer.code == "invalid"
        told = {one["field"]: one["message"] for one in answer.body["errors"]}
        assert set(told) == {"door.colleagues", "options.lock_after_minutes"}
        assert "Keep “walks_in”" in told["door.colleagues"]
        assert "Keep “null”" in told["options.lock_after_minutes"]

    async def test_a_preset_that_is_turned_off(self) -> None:
        answer = await self.asked(NO_STRANGERS, door="anyone_with_link")
        assert answer.status == 422
        assert answer.body["errors"] == [
            {
                "field": "door.anyone",
                "message": "Turned off by your administrator. Choose “knocks” / “turned_away”.",
            }
        ]
        assert not await Meeting.objects.aexists()

    async def test_what_is_not_named_is_the_organisations_default(self) -> None:
        defaults = replace(with_preset(Rules(), "everyone_knocks"), mics_start_off=True, opens_minutes=None)
        answer = await self.asked(Limits(defaults), options={"allow_chat": False})
        assert answer.status == 201
        assert answer.body["door"]["preset"] == "everyone_knocks"
        assert answer.body["door_opens_minutes"] is None
        assert answer.body["options"]["mics_start_off"] is True
        assert answer.body["options"]["allow_chat"] is False

    async def test_what_is_read_can_be_written_back(self) -> None:
        limits = Limits(most=replace(ALL_OPEN, guests_verified=True))
        answer = await self.asked(limits)
        token = await token_of(self.host, "read", "write")
        door = {name: way for name, way in answer.body["door"].items() if name != "preset"}
        again = await self.call("PATCH", f"/meetings/{answer.body['id']}", token, {"door": door})
        assert again.status == 200, again.body
        assert again.body["door"] == answer.body["door"]


class Everywhere(TestCase):
    def test_hosts_are_never_told_that_the_page_exists(self) -> None:
        client = Client()
        client.force_login(person("host"))
        meeting = meeting_of(User.objects.get())
        for page in ("/meetings/", "/meetings/new/", f"/meetings/{meeting.pk}/"):
            self.assertNotContains(client.get(page), "/organisation/")

"""Door templates: kept by administrators, offered to hosts and programs, never beyond the limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.test import override_settings

from meetings import audit, door_templates
from meetings.door import Rules, Way, WithoutHost, with_preset
from meetings.doorlimits import ALL_OPEN, Limits
from meetings.models import AuditEntry, DoorTemplate, Meeting
from meetings.rights import Audience
from meetings.rulebook import stored_rules
from meetings.selectors import rules_of
from meetings.services import organisation, templates
from meetings.services.errors import NotAnAdministrator, Wrong
from meetings.tests.pages_case import PLAIN_TASKS, filled
from meetings.tests.pages_case import PagesCase as SchedulePages
from portal.models import User
from portal.tests.api_case import ApiCase, person, token_of
from portal.tests.test_pages import PagesCase

HEARING = replace(
    with_preset(Rules(), "everyone_knocks"),
    colleagues=Way.TURNED_AWAY,
    opens_minutes=30,
    without_host=WithoutHost.WAIT,
    chat=Audience.HOSTS,
    lock_after_minutes=20,
    capacity=12,
)
NO_STRANGERS = Limits(most=replace(ALL_OPEN, anyone=Way.KNOCKS))


def template_form(**changes: Any) -> dict[str, Any]:
    fields = {name: value for name, value in filled().items() if name not in {"title", "date", "starts", "length"}}
    return fields | {"name": "Hearing", "about": "", "lock_after": "", "capacity": ""} | changes


class ThePages(PagesCase):
    def test_an_administrator_makes_changes_and_deletes_one(self) -> None:
        url = "/organisation/templates/"
        self.assertContains(self.client.get(url), "There is no template yet.")
        form = template_form(preset="everyone_knocks", about="For hearings", capacity="12", lock_after="15")
        answer = self.client.post(f"{url}new/", form, follow=True)
        self.assertContains(answer, "Hosts can start from Hearing now.")
        template = DoorTemplate.objects.get()
        rules = stored_rules(template)
        assert (rules.listed, rules.capacity, rules.lock_after_minutes) == (Way.KNOCKS, 12, 15)
        assert self.client.get(f"{url}{template.pk}/").context["form"]["preset"].value() == "everyone_knocks"
        changed = template_form(name="Hearings", preset="named_people", was_preset="everyone_knocks")
        self.assertContains(self.client.post(f"{url}{template.pk}/", changed, follow=True), "keep their door")
        template.refresh_from_db()
        assert (template.name, stored_rules(template).guests_verified) == ("Hearings", True)
        self.assertContains(self.client.get(f"{url}{template.pk}/delete/"), "Delete the template Hearings?")
        self.client.post(f"{url}{template.pk}/delete/")
        assert not DoorTemplate.objects.exists()
        kinds = AuditEntry.objects.filter(kind__startswith="organisation.template").order_by("number")
        told = [audit.sentence(entry) for entry in kinds.select_related("detail")]
        assert told[0] == "Ada Admin made the door template Hearing."
        assert told[-1] == "Ada Admin deleted the door template Hearings."

    def test_what_is_wrong_is_said_beside_its_field(self) -> None:
        templates.make_template(self.admin, "Hearing", HEARING)
        organisation.change_door_policy(self.admin, NO_STRANGERS)
        for changes, field in (
            ({"name": "HEARING"}, "name"),
            ({"name": " "}, "name"),
            ({"name": "x" * 61}, "name"),
            ({"name": "Open", "preset": "anyone_with_link"}, "anyone"),
            ({"name": "Full", "capacity": "0"}, "capacity"),
            ({"name": "Never", "opens": "7"}, "opens"),
        ):
            answer = self.client.post("/organisation/templates/new/", template_form(**changes))
            assert answer.status_code == 422, changes
            assert field in answer.context["form"].errors, changes
        assert DoorTemplate.objects.count() == 1

    def test_others_find_no_such_pages(self) -> None:
        template = templates.make_template(self.admin, "Hearing", HEARING)
        self.client.force_login(self.ingrid)
        for path in ("", "new/", f"{template.pk}/", f"{template.pk}/delete/"):
            for method in (self.client.get, self.client.post):
                assert method(f"/organisation/templates/{path}").status_code == 404
        assert DoorTemplate.objects.exists()


class TheService(PagesCase):
    def test_only_an_administrator_may(self) -> None:
        template = templates.make_template(self.admin, "Hearing", HEARING)
        for act in (
            lambda: templates.make_template(self.ingrid, "X", HEARING),
            lambda: templates.change_template(self.ingrid, template, name="X"),
            lambda: templates.delete_template(self.ingrid, template),
        ):
            with self.assertRaises(NotAnAdministrator):
                act()

    def test_nothing_beyond_the_limits_is_stored_and_an_earlier_one_is_off(self) -> None:
        template = templates.make_template(self.admin, "Open", ALL_OPEN)
        organisation.change_door_policy(self.admin, NO_STRANGERS)
        with self.assertRaises(Wrong) as wrong:
            templates.make_template(self.admin, "Open too", ALL_OPEN)
        assert wrong.exception.field == "door.anyone"
        (offer,) = door_templates.offers(NO_STRANGERS)
        assert (offer.name, offer.is_off, offer.rules.anyone) == (template.name, True, Way.KNOCKS)
        assert door_templates.offered(NO_STRANGERS) == {}


@override_settings(TASKS=PLAIN_TASKS)
class InTheForm(SchedulePages):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.person("admin@nordhavn.example", "Ada Admin", role=User.Role.ADMIN)
        self.template = templates.make_template(self.admin, "Hearing", HEARING, "For hearings")
        self.value = f"template:{self.template.pk}"

    def test_it_is_offered_beside_the_presets(self) -> None:
        page = self.client.get("/meetings/new/")
        self.assertContains(page, "Templates of your organisation")
        self.assertContains(page, f'value="{self.value}"')
        assert page.context["page_data"]["presets"][self.value]["options"]["capacity"] == 12

    def test_picked_without_a_script_it_sets_table_and_options(self) -> None:
        assert rules_of(self.scheduled(preset=self.value)) == HEARING

    def test_what_was_edited_beside_it_wins(self) -> None:
        meeting = self.scheduled(preset=self.value, guests="turned_away", opens="0", mics_start_off="on")
        expected = replace(HEARING, guests=Way.TURNED_AWAY, opens_minutes=0, mics_start_off=True)
        assert rules_of(meeting) == expected

    def test_one_that_is_off_is_shown_disabled_and_refused(self) -> None:
        organisation.change_door_policy(self.admin, Limits(fixed=frozenset({"listed"})))
        page = self.client.get("/meetings/new/").content.decode()
        label = page[page.index(f'value="{self.value}"') :].partition("</label>")[0]
        assert " disabled" in label
        assert "Turned off by your administrator" in label
        assert "preset" in self.errors(preset=self.value)
        assert "preset" in self.errors(preset="template:00000000-0000-0000-0000-000000000000")

    def test_a_meeting_does_not_follow_it(self) -> None:
        meeting = self.scheduled(preset=self.value)
        templates.change_template(self.admin, self.template, rules=ALL_OPEN)
        templates.delete_template(self.admin, self.template)
        assert rules_of(Meeting.objects.get(pk=meeting.pk)) == HEARING


class Programs(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin, self.host = person("admin", User.Role.ADMIN), person("host")

    async def test_a_meeting_starts_from_one_by_name_and_names_may_be_listed(self) -> None:
        admin, host = await token_of(self.admin, "read", "write"), await token_of(self.host, "read", "write")
        body = {
            "name": "Client call",
            "about": "For clients",
            "door": "everyone_knocks",
            "door_opens_minutes": 0,
            "options": {"capacity": 5, "allow_chat": False},
        }
        made = await self.call("POST", "/door-templates", admin, body)
        assert made.status == 201, made.body
        assert [one["name"] for one in (await self.call("GET", "/door-templates", host)).body["items"]] == [
            "Client call"
        ]
        meeting = {"title": "Board", "starts_at": "2030-01-01T10:00:00Z", "door": {"template": "client CALL"}}
        answer = await self.call("POST", "/meetings", host, meeting)
        assert (answer.body["door"]["preset"], answer.body["door_opens_minutes"]) == ("everyone_knocks", 0)
        assert (answer.body["options"]["capacity"], answer.body["options"]["allow_chat"]) == (5, False)
        answer = await self.call("POST", "/meetings", host, meeting | {"options": {"capacity": 9}})
        assert (answer.body["options"]["capacity"], answer.body["options"]["allow_chat"]) == (9, False)
        changed = await self.call("PATCH", f"/door-templates/{made.body['id']}", admin, {"options": {"capacity": None}})
        assert changed.body["options"] == {**made.body["options"], "capacity": None}

    async def test_one_that_is_not_there_or_off_is_refused_by_field(self) -> None:
        await sync_to_async(templates.make_template)(self.admin, "Open", ALL_OPEN)
        await sync_to_async(organisation.change_door_policy)(self.admin, NO_STRANGERS)
        host = await token_of(self.host, "read", "write")
        for name in ("Open", "Nothing"):
            meeting = {"title": "Board", "starts_at": "2030-01-01T10:00:00Z", "door": {"template": name}}
            answer = await self.call("POST", "/meetings", host, meeting)
            assert (answer.status, answer.body["errors"][0]["field"]) == (422, "door.template")
        assert not await Meeting.objects.aexists()

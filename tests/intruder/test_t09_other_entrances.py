"""T9: around the door, by another entrance."""

from __future__ import annotations

from tests.intruder.case import COLLEAGUE, HOST, IntruderCase
from tests.intruder.media_case import SILENCE_SECONDS, MediaCase
from tests.support.client import Refused
from tests.support.portal import PASSWORD


class T9OtherEntrances(IntruderCase):
    async def test_a_lock_keeps_everybody_out_but_those_who_have_a_seat(self) -> None:
        """Guard: `Facts.locked_at` in `door.decide`."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, guest)
        await host.ask("door.lock", locked=True)
        late, _ = await self.guest_with_link(meeting, "leila@medreg.example")
        self.assertEqual((await late.arrive(meeting["code"], "Leila")).json["reason"], "locked")
        await guest.cut()
        back = await self.join(client, meeting["code"], "Peter")
        self.assertEqual((await back.message("room"))["you"], who)

    async def test_a_ticket_from_before_a_no_opens_nothing_after_it(self) -> None:
        """Guard: the socket asks the door once more (`Live.enter`), whatever the page was told a moment ago."""
        for change, outcome in (("lock", "door"), ("revoke", "refused")):
            meeting = await self.portal.schedule(HOST, door="anyone_with_link")
            await self.host_inside(meeting)
            invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
            client = self.client()
            await client.open_link(invitation["join_url"])
            answer = (await client.arrive(meeting["code"], "Peter")).json
            self.assertEqual(answer["outcome"], "admit")
            path = {"lock": "lock", "revoke": f"invitations/{invitation['id']}/revoke"}[change]
            await self.portal.api(HOST, "POST", f"/meetings/{meeting['id']}/{path}")
            socket = await self.open(client)
            await socket.send("hello", protocol=1, ticket=answer["ticket"])
            first = await socket.until(lambda message: message["type"] in {"room", "door", "refused"})
            self.assertEqual((change, first["type"]), (change, outcome))

    async def test_being_let_in_once_is_no_pass_for_later(self) -> None:
        """Guards: `must_knock`, and `let_in_at` that a host's later word takes back."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        who = await self.let_in(host, await self.join(client, meeting["code"], "Peter"))
        await host.ask("host.remove", participant=who, block=False)
        back = await self.join(client, meeting["code"], "Peter")
        await back.message("door", reason="knock")
        await self.let_in(host, back)
        await host.ask("host.to_door", participant=who)
        self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["outcome"], "wait")

    async def test_the_api_is_no_entrance(self) -> None:
        """Guard: `portal.api.access`: an account without a part in the meeting reaches nothing of it there either."""
        if COLLEAGUE not in self.portal.tokens:
            self.portal.make_token(COLLEAGUE)
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client = self.client()
        await client.sign_in(COLLEAGUE, PASSWORD)
        inside = await self.join(client, meeting["code"])
        me = (await inside.message("room"))["you"]
        knocker, _ = await self.guest_with_link(meeting)
        waiting = (await (await self.join(knocker, meeting["code"], "Peter")).message("door"))["participant"]
        base = f"/meetings/{meeting['id']}"
        for method, path in (
            ("GET", base),
            ("GET", f"{base}/participants"),
            ("POST", f"{base}/participants/{waiting}/admit"),
            ("POST", f"{base}/participants/{me}/mute"),
            ("POST", f"{base}/unlock"),
            ("POST", f"{base}/end"),
        ):
            answer = await self.portal.try_api(
                COLLEAGUE, method, path, {"source": "camera"} if "mute" in path else None
            )
            self.assertEqual((path, answer.status), (path, 404))
        self.assertEqual((await host.ask("ping"))["type"], "ok")


class T9OtherMeetings(MediaCase):
    async def test_a_transport_answered_for_one_meeting_carries_nothing_of_another(self) -> None:
        """Guard: sessions of the engine are named by occurrence; a seat's socket acts only in its own."""
        other = await self.portal.schedule(HOST)
        host = await self.host_inside(other)
        spy = self.member(host, (await host.message("room"))["you"])
        await spy.speak()
        with self.assertRaises(Refused) as refused:
            await host.ask("host.remove", participant=self.peter.id)
        self.assertEqual(refused.exception.code, "no_such_participant")
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(host.count("media.offer"), 0)
        self.assertEqual(spy.media.packets_received, 0)

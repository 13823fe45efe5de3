"""WHIP as RFC 9725 wants it, and that a device sits in a seat like everybody: it is seen, stopped, sent out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from unittest import mock

from asgiref.sync import sync_to_async
from django.utils import timezone

from media_engine import Source
from media_engine.tests.client import ClientTransport, eventually, watch_offer
from meetings.attendance import attended
from meetings.audit import body_of
from meetings.devices import services
from meetings.live import Live
from meetings.live.relays import Relays
from meetings.models import AuditEntry, Block, Meeting, Participant
from meetings.services.errors import NotAHost, Wrong
from meetings.tests.devices_case import FRAGMENT, OFFER, OPUS, VP8, DeviceCase, Encoder, offer_of, person_told, section
from meetings.tests.live_case import Browser, make_meeting, make_user, running_live


class Publishing(DeviceCase):
    async def test_a_device_is_in_the_roster_is_heard_muted_and_gone_when_it_ends_its_session(self) -> None:
        token = await self.token()
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            answer = await encoder.start()
            self.assertEqual((answer.status_code, answer["Content-Type"]), (201, "application/sdp"), answer.content)
            self.assertRegex(answer["ETag"], r'^"[\w-]+"$')
            self.assertIn("a=recvonly", answer.content.decode())
            person = await person_told(host, "Board room 3")
            self.assertTrue(person["device"])
            self.assertEqual(person["provenance"], "Device, added by Ingrid Sæther")
            while not person["camera"]:
                person = await person_told(host, "Board room 3")
            who = person["participant"]

            def packets() -> int:
                return live.engine.stats(self.id)[who]["packets_in"]

            encoder.sender.send_audio()
            await eventually(lambda: packets() > 0)
            await host.ask("host.mute", participant=who, source="microphone")
            seat = live.rooms[self.id].seats[who]
            self.assertEqual(seat.open_sources(), {Source.CAMERA})
            # Nobody sits there who could switch it on again: a host's wish is enough.
            await host.ask("host.ask", participant=who, source="microphone")
            await eventually(lambda: seat.open_sources() == {Source.MICROPHONE, Source.CAMERA})
            gone = await self.ask("DELETE", encoder.location, token)
            self.assertEqual(gone.status_code, 200)
            self.assertEqual((await host.message("gone"))["participant"], who)
            self.assertNotIn(who, live.engine.stats(self.id))
            self.assertEqual((await self.ask("DELETE", encoder.location, token)).status_code, 404)
            self.assertEqual((await self.seat()).state, Participant.State.LEFT)
            there = await sync_to_async(attended)(self.occurrence)
            self.assertEqual([(one.name, one.is_device) for one in there][1:], [("Board room 3", True)])
            await encoder.close()

    @sync_to_async
    def token_of_a_co_host(self) -> str:
        self.omar = make_user("Omar Haddad")
        self.occurrence.meeting.hosts.add(self.omar)
        made = services.make(self.omar, self.occurrence, "Omar’s screen", may_publish=True, may_watch=True)
        self.device = made.device
        return made.token

    async def test_a_device_is_out_with_whoever_made_its_token(self) -> None:
        """Otherwise a host who is removed goes on watching by a token from before."""
        token = await self.token_of_a_co_host()
        for block in (True, False):
            async with running_live() as live:
                host = await self.host_inside(live)
                browser = await Browser(live).sign_in(self.omar)
                who = (await (await browser.join(self.code)).message("room"))["you"]
                encoder = Encoder(self, live, token)
                self.assertEqual((await encoder.start()).status_code, 201, block)
                self.assertEqual((await host.ask("host.remove", participant=who, block=block))["type"], "ok")
                await live.reconcile(self.id)
                self.assertEqual((await self.seat()).state, Participant.State.REFUSED)
                self.assertEqual((await self.post(token)).status_code, 401)
                await encoder.close()
            await Block.objects.all().adelete()
            await self.occurrence.meeting.hosts.aadd(self.omar)
            await Participant.objects.filter(user=self.omar).aupdate(must_knock=False, state=Participant.State.LEFT)

    async def test_a_device_whose_maker_hosts_no_more_stays_but_knocks_when_it_comes(self) -> None:
        token = await self.token_of_a_co_host()
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            self.assertEqual((await encoder.start()).status_code, 201)
            await self.occurrence.meeting.hosts.aremove(self.omar)
            await live.reconcile(self.id)
            who = str((await self.seat()).pk)
            self.assertTrue(live.rooms[self.id].seats[who].inside)
            await self.ask("DELETE", encoder.location, token)
            answer = await self.post(token)
            self.assertEqual((answer.status_code, answer.json()["reason"]), (503, "knock"))
            await host.ask("door.admit", participant=who)
            self.assertEqual((await self.post(token)).status_code, 201)
            await encoder.close()

    async def test_a_device_ends_with_the_account_of_its_maker(self) -> None:
        token = await self.token_of_a_co_host()
        async with running_live() as live:
            await self.host_inside(live)
            encoder = Encoder(self, live, token)
            self.assertEqual((await encoder.start()).status_code, 201)
            await type(self.omar).objects.filter(pk=self.omar.pk).aupdate(is_active=False)
            await live.reconcile(self.id)
            self.assertEqual((await self.seat()).state, Participant.State.REFUSED)
            self.assertEqual((await self.post(token)).status_code, 401)
            await encoder.close()

    async def test_a_screen_is_shared_while_hosts_let_it(self) -> None:
        token = await self.token("Hall slides", screen=True)
        shared = {Source.SCREEN, Source.SCREEN_AUDIO}
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            self.assertEqual((await encoder.start()).status_code, 201)
            person = await person_told(host, "Hall slides")
            while not person["screen"]:
                person = await person_told(host, "Hall slides")
            self.assertEqual((person["camera"], person["microphone"]), (False, False))
            who = person["participant"]
            seat = live.rooms[self.id].seats[who]
            self.assertEqual(seat.open_sources(), shared)
            await host.ask("host.mute", participant=who, source="screen")
            self.assertEqual(seat.open_sources(), frozenset())
            await host.ask("host.ask", participant=who, source="screen")
            await eventually(lambda: seat.open_sources() == shared)
            await host.ask("host.person_rights", participant=who, share=False)
            self.assertEqual(seat.open_sources(), frozenset())
            self.assertEqual((await self.post(token)).json()["code"], "not_allowed")
            await encoder.close()

    async def test_whatever_ends_a_seat_ends_the_session(self) -> None:
        token = await self.token()
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            await encoder.start()
            who = str((await self.seat()).pk)
            await host.ask("host.remove", participant=who, block=True)
            self.assertNotIn(who, live.engine.stats(self.id))
            self.assertEqual((await self.ask("DELETE", encoder.location, token)).status_code, 404)
            refused = await self.post(token)
            self.assertEqual((refused.status_code, refused.json()["reason"]), (403, "removed"))
            await encoder.close()
        self.assertEqual(await Block.objects.filter(device=self.device.key).acount(), 1)

    async def test_a_token_that_is_taken_back_ends_what_its_device_sends(self) -> None:
        token = await self.token()
        async with running_live() as live:
            await self.host_inside(live)
            encoder = Encoder(self, live, token)
            await encoder.start()
            who = str((await self.seat()).pk)
            with self.captureOnCommitCallbacks(execute=True):
                await sync_to_async(services.take_back)(self.host, self.device)
            await eventually(lambda: who not in live.engine.stats(self.id))
            self.assertEqual(live.devices.sessions, {})
            self.assertEqual((await self.ask("DELETE", encoder.location, token)).status_code, 401)
            await encoder.close()

    async def test_a_transport_that_dies_takes_the_device_out_of_the_room(self) -> None:
        token = await self.token()
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            await encoder.start()
            who = str((await self.seat()).pk)
            encoder.transport.dtls.say_goodbye()
            self.assertEqual((await host.message("gone"))["participant"], who)
            self.assertEqual(live.devices.sessions, {})
            await encoder.close()

    async def test_the_meetings_end_and_a_suspension_reach_a_device(self) -> None:
        token = await self.token()
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            await encoder.start()
            await host.ask("host.suspend")
            self.assertTrue(live.engine._sessions[self.id].held)
            await host.ask("host.resume", quiet=False)
            await host.send("host.end")
            await host.closed()
            self.assertEqual(live.devices.sessions, {})
            self.assertEqual((await self.post(token)).status_code, 401)
            await encoder.close()

    async def test_the_same_device_again_takes_the_place_of_its_earlier_session(self) -> None:
        token = await self.token()
        async with running_live() as live:
            await self.host_inside(live)
            first, second = Encoder(self, live, token), Encoder(self, live, token)
            await first.start()
            await second.start()
            self.assertEqual(len(live.devices.sessions), 1)
            self.assertEqual((await self.ask("DELETE", first.location, token)).status_code, 404)
            self.assertEqual((await self.ask("DELETE", second.location, token)).status_code, 200)
            await first.close()
            await second.close()

    async def test_ice_is_restarted_with_a_star_and_candidates_are_taken_with_the_etag(self) -> None:
        token = await self.token()
        async with running_live() as live:
            await self.host_inside(live)
            encoder = Encoder(self, live, token)
            etag = (await encoder.start())["ETag"]

            async def patch(body: str, content_type: str = FRAGMENT, **headers: str) -> int:
                sent = {name.replace("_", "-"): value for name, value in headers.items()}
                path = encoder.location
                answer = await self.ask("PATCH", path, token, body, headers=sent, content_type=content_type)
                return int(answer.status_code)

            candidate = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n"
            self.assertEqual(await patch(candidate, If_Match=etag), 204)
            self.assertEqual(await patch(candidate), 428)
            self.assertEqual(await patch(candidate, If_Match='"older"'), 412)
            self.assertEqual(await patch(candidate, If_Match="*"), 422)
            self.assertEqual(await patch("a=ice-ufrag:zzzz\r\na=ice-pwd:" + "p" * 24, If_Match=etag), 422)
            self.assertEqual(await patch("hello", If_Match=etag), 400)
            self.assertEqual(await patch("a=x\r\n" * 2000, If_Match=etag), 413)
            self.assertEqual(await patch(candidate, "application/sdp", If_Match=etag), 415)
            answer = await encoder.restart()
            self.assertEqual((answer.status_code, answer["Content-Type"]), (200, FRAGMENT))
            self.assertNotEqual(answer["ETag"], etag)
            text = answer.content.decode()
            encoder.transport.remote_ufrag = re.search(r"a=ice-ufrag:(\S+)", text)[1]  # type: ignore[index]
            encoder.transport.remote_password = re.search(r"a=ice-pwd:(\S+)", text)[1]  # type: ignore[index]
            await encoder.transport.check()
            self.assertEqual(await patch(candidate, If_Match=etag), 412)
            await encoder.close()


class AtTheDoor(DeviceCase):
    async def test_a_device_waits_for_the_host_as_everybody_does(self) -> None:
        token = await self.token()
        async with running_live():
            answer = await self.post(token)
            self.assertEqual((answer.status_code, answer.json()["reason"]), (503, "no_host"))
            self.assertEqual(answer["Retry-After"], "10")

    async def test_a_device_that_was_sent_back_is_let_in_by_a_host(self) -> None:
        token = await self.token()
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            await encoder.start()
            who = str((await self.seat()).pk)
            await host.ask("host.to_door", participant=who)
            self.assertEqual(live.devices.sessions, {})
            answer = await self.post(token)
            self.assertEqual((answer.status_code, answer.json()["reason"]), (503, "knock"))
            waiting = live.rooms[self.id].waiting()
            self.assertEqual([(seat.id, seat.person.is_device) for seat in waiting], [(who, True)])
            await host.ask("door.admit", participant=who)
            await live.reconcile(self.id)
            again = Encoder(self, live, token)
            self.assertEqual((await again.start()).status_code, 201)
            for one in (encoder, again):
                await one.close()

    async def test_a_device_that_does_not_ask_again_runs_out_like_anybody_who_was_cut_off(self) -> None:
        token = await self.token()
        async with running_live() as live:
            await self.post(token)
            (seat,) = live.rooms[self.id].seats.values()
            live.devices.give_up(seat.connection)  # type: ignore[arg-type]
            self.assertIsNone(seat.connection)
            self.assertIsNotNone(seat.lost_at)

    async def test_a_locked_door_is_locked_for_devices_too(self) -> None:
        token = await self.token()
        async with running_live() as live:
            host = await self.host_inside(live)
            await host.ask("door.lock", locked=True)
            answer = await self.post(token)
            self.assertEqual((answer.status_code, answer.json()["reason"]), (403, "locked"))

    async def test_a_full_room_is_full_for_devices_too(self) -> None:
        await Meeting.objects.filter(pk=self.occurrence.meeting_id).aupdate(capacity=1)
        token = await self.token()
        async with running_live() as live:
            await self.host_inside(live)
            answer = await self.post(token)
            self.assertEqual((answer.status_code, answer.json()["reason"]), (503, "full"))

    async def test_an_organisation_that_takes_no_guests_takes_no_devices(self) -> None:
        from meetings.models import DoorPolicy

        await DoorPolicy.objects.acreate(most_guests="turned_away")
        token = await self.token()
        async with running_live() as live:
            await self.host_inside(live)
            self.assertEqual((await self.post(token)).status_code, 401)

    async def test_a_device_may_no_more_than_its_token_says_whatever_a_host_gives_it_inside(self) -> None:
        token = await self.token()
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            await encoder.start()
            who = str((await self.seat()).pk)
            await host.ask("host.person_rights", participant=who, share="yes", chat="yes", record="yes")
            seat = live.rooms[self.id].seats[who]
            self.assertEqual(
                (seat.capabilities.share, seat.capabilities.chat, seat.capabilities.record), (False, False, False)
            )
            self.assertFalse(live.engine._sessions[self.id].peers[who].grants.subscribe)
            await host.ask("host.rights", speak="hosts", show="hosts")
            self.assertEqual(seat.open_sources(), set())
            await encoder.close()


class Refusals(DeviceCase):
    async def test_tokens_that_open_nothing_are_answered_alike(self) -> None:
        token = await self.token()
        other = await sync_to_async(make_meeting)(self.host)
        elsewhere = await self.token("Elsewhere", occurrence=other)
        taken_back = await self.token("Old")
        await sync_to_async(services.take_back)(self.host, self.device)
        async with running_live() as live:
            await self.host_inside(live)
            answers = [
                await self.post(one)
                for one in (None, "", "ldev_unknown", elsewhere, taken_back, token + "x", "ldev_" + "x" * 4000)
            ]
            answers.append(await self.post(token, path=f"/whip/{other.meeting_id}"))
            answers.append(await self.post(token, path="/whip/00000000-0000-0000-0000-000000000000"))
        self.assertEqual({answer.status_code for answer in answers}, {401})
        self.assertEqual(len({(answer.content, tuple(answer.items())) for answer in answers}), 1)
        self.assertEqual(answers[0]["WWW-Authenticate"], 'Bearer realm="Lintel device"')

    async def test_guessing_runs_out_also_for_the_right_guess(self) -> None:
        token = await self.token()
        async with running_live():
            for _ in range(30):
                await self.post("ldev_guess")
            answer = await self.post(token)
            self.assertEqual(answer.status_code, 429)
            self.assertGreaterEqual(int(answer["Retry-After"]), 1)
            self.assertEqual((await self.post(token, network="127.0.9.1")).status_code, 503)

    async def test_a_device_comes_to_the_door_only_so_often(self) -> None:
        token = await self.token()
        answers: list[int] = []
        async with running_live():
            while 429 not in answers and len(answers) < 20:  # another place is free every five seconds
                answers.append((await self.post(token)).status_code)
        self.assertEqual(answers[:12], [503] * 12)
        self.assertEqual(set(answers), {503, 429})
        self.assertEqual(answers[-1], 429)

    async def test_an_encrypted_meeting_takes_no_device(self) -> None:
        token = await self.token()
        encrypted = await sync_to_async(make_meeting)(self.host, encryption="e2ee")
        with self.assertRaises(Wrong) as caught:
            await self.token(occurrence=encrypted)
        self.assertEqual(caught.exception.code, "encrypted_room")
        # No token can be made there; should there be one all the same, it opens nothing.
        self.device.occurrence = encrypted
        await self.device.asave()
        async with running_live() as live:
            answer = await self.post(token, path=f"/whip/{encrypted.meeting_id}")
            self.assertEqual((answer.status_code, answer.json()["code"]), (409, "encrypted_room"))
            with mock.patch("meetings.views.whip._require_readable"):
                answer = await self.post(token, path=f"/whip/{encrypted.meeting_id}")
            self.assertEqual((answer.status_code, answer.json()["code"]), (409, "encrypted_room"))
            self.assertEqual(live.devices.sessions, {})

    async def test_a_token_for_watching_sends_nothing(self) -> None:
        token = await self.token(publish=False, watch=True)
        async with running_live() as live:
            await self.host_inside(live)
            answer = await self.post(token)
            self.assertEqual((answer.status_code, answer.json()["code"]), (403, "not_allowed"))
            self.assertFalse(await Participant.objects.filter(room_device=self.device).aexists())

    async def test_offers_that_are_wrong_are_named_and_nobody_comes_to_the_door(self) -> None:
        token = await self.token()
        watching = OPUS.replace("sendonly", "recvonly")
        h264 = section("video", "1", "a=sendonly", "a=rtpmap:96 H264/90000", formats="96")
        second = section("audio", "2", "a=sendonly", "a=rtpmap:111 opus/48000/2", formats="111")
        cases = (
            ("hello", 400, "v=0"),
            (b"v=0\xff", 400, "UTF-8"),
            (OFFER.replace("a=rtcp-mux\r\n", ""), 400, "Rtcp-mux"),
            (offer_of(watching), 422, "sendonly"),
            (offer_of(OPUS, h264), 422, "VP8"),
            (offer_of(OPUS, VP8, second), 422, "at most one"),
            ("v=0\r\n" + "a=x\r\n" * 20_000, 413, "65536"),
        )
        async with running_live():
            for offer, status, word in cases:
                answer = await self.post(token, offer)
                self.assertEqual((answer.status_code, answer["Content-Type"]), (status, "application/problem+json"))
                self.assertIn(word, answer.json()["detail"])
            answer = await self.post(token, content_type="application/json")
            self.assertEqual((answer.status_code, answer["Accept-Post"]), (415, "application/sdp"))
        self.assertFalse(await Participant.objects.filter(room_device=self.device).aexists())

    async def test_another_device_does_not_end_a_session(self) -> None:
        token = await self.token()
        other = await self.token("Another")
        async with running_live() as live:
            await self.host_inside(live)
            encoder = Encoder(self, live, token)
            await encoder.start()
            for method in ("DELETE", "PATCH"):
                headers = {"If-Match": "*"}
                answer = await self.ask(method, encoder.location, other, headers=headers, content_type=FRAGMENT)
                self.assertEqual(answer.status_code, 404)
            self.assertEqual(len(live.devices.sessions), 1)
            await encoder.close()

    async def test_methods_that_are_reserved_and_what_pages_of_other_sites_need(self) -> None:
        async with running_live():
            for path in (self.address, f"{self.address}/session"):
                for method in ("GET", "HEAD", "PUT"):
                    answer = await self.ask(method, path, None)
                    self.assertEqual(answer.status_code, 405)
                    self.assertIn("OPTIONS", answer["Allow"])
            preflight = await self.ask("OPTIONS", self.address, None)
            self.assertEqual((preflight.status_code, preflight["Accept-Post"]), (204, "application/sdp"))
            self.assertEqual(preflight["Access-Control-Allow-Origin"], "*")
            self.assertIn("Authorization", preflight["Access-Control-Allow-Headers"])
            self.assertIn("POST", preflight["Access-Control-Allow-Methods"])
            preflight = await self.ask("OPTIONS", f"{self.address}/session", None)
            self.assertEqual(preflight["Accept-Patch"], FRAGMENT)
            self.assertIn("Location", (await self.post(None))["Access-Control-Expose-Headers"])


class Watching(DeviceCase):
    async def watch(self, live: Live, token: str, *kinds: str) -> tuple[Any, ClientTransport]:
        transport = ClientTransport(live.engine.port)
        answer = await self.post(token, watch_offer(transport, *(kinds or ("audio", "video"))), path=self.watching)
        if answer.status_code == 201:
            transport.follow(answer.content.decode())
            await transport.connect()
        return answer, transport

    async def test_a_device_hears_another_and_leaves_when_it_stops_watching(self) -> None:
        sending, watching = await self.token("Encoder"), await self.token("Screen", publish=False, watch=True)
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, sending)
            await encoder.start()
            answer, transport = await self.watch(live, watching)
            self.assertEqual((answer.status_code, answer["Content-Type"]), (201, "application/sdp"), answer.content)
            self.assertIn("a=sendonly", answer.content.decode())
            person = await person_told(host, "Screen")
            self.assertEqual((person["device"], person["microphone"], person["camera"]), (True, False, False))

            def heard() -> bool:
                encoder.sender.send_audio()
                return bool(transport.received)

            await eventually(heard)
            location = answer["Location"].replace("http://testserver", "")
            self.assertTrue(location.startswith(self.watching))
            whip = location.replace("/whep/", "/whip/")
            self.assertEqual((await self.ask("DELETE", whip, watching)).status_code, 404)
            self.assertEqual((await self.ask("DELETE", location, watching)).status_code, 200)
            self.assertEqual((await host.message("gone"))["participant"], person["participant"])
            for one in (transport, encoder):
                await one.close()

    async def test_a_token_for_sending_watches_nothing(self) -> None:
        token = await self.token()
        async with running_live() as live:
            await self.host_inside(live)
            answer, transport = await self.watch(live, token)
            self.assertEqual((answer.status_code, answer.json()["code"]), (403, "not_allowed"))
            await transport.close()

    async def test_a_device_that_only_watches_is_given_no_right_to_be_heard(self) -> None:
        token = await self.token(publish=False, watch=True)
        async with running_live() as live:
            host = await self.host_inside(live)
            _, transport = await self.watch(live, token)
            who = str((await self.seat()).pk)
            await host.ask("host.person_rights", participant=who, speak="yes", show="yes")
            capabilities = live.rooms[self.id].seats[who].capabilities
            self.assertEqual((capabilities.speak, capabilities.show), (False, False))
            await transport.close()

    async def test_one_device_sends_and_watches_in_one_seat(self) -> None:
        token = await self.token(watch=True)
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, token)
            await encoder.start()
            answer, transport = await self.watch(live, token, "audio", "audio", "video")
            self.assertEqual(len(live.devices.sessions), 2)
            self.assertEqual(len(live.rooms[self.id].inside()), 2)
            self.assertEqual((await self.ask("DELETE", encoder.location, token)).status_code, 200)
            seat = live.rooms[self.id].seats[str((await self.seat()).pk)]
            self.assertEqual((seat.inside, seat.open_sources()), (True, frozenset()))
            self.assertEqual(list(live.engine.stats(self.id)[seat.id]["links"]), ["subscribe"])
            location = answer["Location"].replace("http://testserver", "")
            self.assertEqual((await self.ask("DELETE", location, token)).status_code, 200)
            self.assertEqual((await host.message("gone"))["participant"], seat.id)
            for one in (transport, encoder):
                await one.close()

    async def test_offers_that_are_wrong_are_named(self) -> None:
        token = await self.token(watch=True)
        async with running_live():
            for offer, word in ((OFFER, "recvonly"), (offer_of(OPUS.replace("opus", "PCMU")), "Opus")):
                answer = await self.post(token, offer, path=self.watching)
                self.assertEqual(answer.status_code, 422)
                self.assertIn(word, answer.json()["detail"])


class Servers(DeviceCase):
    async def test_relays_are_named_as_links_with_a_pass(self) -> None:
        token = await self.token()
        async with running_live() as live:
            live.relays = Relays(("turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443"), "secret")
            await self.host_inside(live)
            encoder = Encoder(self, live, token)
            links = (await encoder.start())["Link"].split(", ")
            self.assertEqual(len(links), 2)
            who = (await self.seat()).pk
            self.assertRegex(
                links[0],
                r'^<turn:turn\.example\.org:3478\?transport=udp>; rel="ice-server"; '
                rf'username="\d+:{who}"; credential="[\w+/=]+"; credential-type="password"$',
            )
            await encoder.close()


class Tokens(DeviceCase):
    def test_only_a_digest_is_kept_and_the_log_tells_who_made_and_took_back(self) -> None:
        made = services.make(self.host, self.occurrence, "  Board\u202e  room ", may_publish=True, may_watch=False)
        self.assertEqual(made.device.name, "Board room")
        services.take_back(self.host, made.device)
        services.take_back(self.host, made.device)
        entries = AuditEntry.objects.filter(kind__startswith="device.").order_by("number")
        self.assertEqual([entry.kind for entry in entries], ["device.made", "device.taken_back"])
        for kept in (str(vars(made.device)), *(str(body_of(entry)) for entry in entries)):
            self.assertNotIn(made.token, kept)

    def test_only_hosts_make_and_take_back(self) -> None:
        made = services.make(self.host, self.occurrence, "Encoder", may_publish=True, may_watch=False)
        for by in (make_user("Yuki Tanaka"), None):
            with self.assertRaises(NotAHost):
                services.make(by, self.occurrence, "Mine", may_publish=True, may_watch=False)
            with self.assertRaises(NotAHost):
                services.take_back(by, made.device)

    def test_what_makes_no_device(self) -> None:
        for name, rights in (("  ", (True, False)), ("Encoder", (False, False))):
            with self.assertRaises(Wrong):
                services.make(self.host, self.occurrence, name, may_publish=rights[0], may_watch=rights[1])
        for number in range(services.MOST_DEVICES):
            services.make(self.host, self.occurrence, f"Encoder {number}", may_publish=True, may_watch=False)
        with self.assertRaises(Wrong) as caught:
            services.make(self.host, self.occurrence, "One more", may_publish=True, may_watch=False)
        self.assertEqual(caught.exception.code, "too_many")

    def test_a_token_ends_with_its_occurrence(self) -> None:
        now = timezone.now()
        made = services.make(self.host, self.occurrence, "Encoder", may_publish=True, may_watch=False)
        self.assertIsNotNone(services.of_token(made.token, self.occurrence.meeting_id, now))
        later = self.occurrence.ends_at + timedelta(hours=2)
        self.assertIsNone(services.of_token(made.token, self.occurrence.meeting_id, later))

"""Media follow the door: over the running server, from the arrive request to the packets. Each test names its guard.

Ingrid hosts and speaks. Every test first shows that the honest path works.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable

from tests.intruder.case import HOST, IntruderCase
from tests.support import rtc_client
from tests.support.client import Json, Refused, Socket
from tests.support.portal import PASSWORD

MICROPHONE = "microphone"
DEADLINE_SECONDS = 20.0
SILENCE_SECONDS = 0.5
UNDER_WAY_SECONDS = 0.05  # datagrams that were sent before, in the kernel's queue


class Member:
    """Somebody inside with a socket and transports, as docs/protocol.md section 4 has them."""

    def __init__(self, socket: Socket, who: str) -> None:
        self.socket = socket
        self.id = who
        self.media = rtc_client.Client(who)
        self._answered = 0
        self._answering = asyncio.create_task(self._answer_offers())

    async def _answer_offers(self) -> None:
        while True:
            offer = await self.socket.until(self._is_next_offer, seconds=600)
            self._answered = offer["offer"]
            sdp = self.media.answer_subscribe(offer["sdp"])
            await self.socket.send("media.answer", offer=offer["offer"], sdp=sdp)

    def _is_next_offer(self, message: Json) -> bool:
        return message["type"] == "media.offer" and message["offer"] > self._answered

    async def speak(self) -> None:
        """Starts media and publishes the microphone."""
        await self.socket.ask("media.start", fresh=True)
        await self.publish()
        await self.switch(True)

    async def publish(self) -> None:
        sdp, sources = self.media.offer_publish(MICROPHONE)
        answer = await self.socket.ask("media.publish", sdp=sdp, sources=sources)
        self.media.accept_publish_answer(answer["sdp"])
        assert self.media.publish is not None
        await self.media.publish.connected()

    async def switch(self, on: bool) -> None:
        await self.socket.ask("media.state", microphone=on, camera=False)

    def say(self) -> None:
        for up in self.media.up.values():
            up.send_something()

    def heard(self, speaker: Member) -> int:
        stream = self.media.down.get((speaker.id, MICROPHONE))
        return stream.packets if stream is not None else 0

    def close(self) -> None:
        self._answering.cancel()
        self.media.close(politely=False)


class DoorMediaTests(IntruderCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(self.meeting)
        self.ingrid = self.member(host, (await host.message("room"))["you"])
        await self.ingrid.speak()
        self.peters_browser, _ = await self.guest_with_link(self.meeting)
        socket = await self.join(self.peters_browser, self.meeting["code"], "Peter")
        self.peter = self.member(socket, await self.let_in(host, socket))
        await self.peter.speak()
        await self.until(lambda: self.peter.heard(self.ingrid) > 5 and self.ingrid.heard(self.peter) > 5)

    def member(self, socket: Socket, who: str) -> Member:
        member = Member(socket, who)
        self.addCleanup(member.close)
        return member

    async def until(self, condition: Callable[[], bool]) -> None:
        """Both speak every 20 ms until the condition holds."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                await self.speak_for(0.02)

    async def speak_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self.ingrid.say()
            self.peter.say()
            await asyncio.sleep(0.02)
            if time.monotonic() >= end:
                return

    async def test_somebody_at_the_door_gets_no_offer_and_no_packet(self) -> None:
        """Guards: `Room.grant` (inside only) and, behind it, the engine's absent grant."""
        browser, _ = await self.guest_with_link(self.meeting, "leila@medreg.example")
        socket = await self.join(browser, self.meeting["code"], "Leila")
        leila = self.member(socket, (await socket.message("door"))["participant"])
        sdp, sources = leila.media.offer_publish(MICROPHONE)
        for kind, fields in (("media.start", {"fresh": True}), ("media.publish", {"sdp": sdp, "sources": sources})):
            with self.assertRaises(Refused) as refused:
                await socket.ask(kind, **fields)
            self.assertEqual(refused.exception.code, "not_inside")
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(socket.count("media.offer"), 0)
        self.assertEqual(leila.media.media_datagrams_received(), 0)

    async def test_a_removed_persons_packets_have_stopped_both_ways_when_the_host_has_the_answer(self) -> None:
        """Guard: `Room.expel`, before anything is stored or told."""
        answer = asyncio.create_task(self.ingrid.socket.ask("host.remove", participant=self.peter.id))
        while not answer.done():
            await self.speak_for(0.02)
        await asyncio.sleep(UNDER_WAY_SECONDS)
        before = (self.peter.media.media_datagrams_received(), self.ingrid.heard(self.peter))
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual((self.peter.media.media_datagrams_received(), self.ingrid.heard(self.peter)), before)
        self.assertEqual(await self.peter.socket.closed(), 4403)

    async def test_a_deactivated_account_inside_loses_media_without_waiting_for_a_tick(self) -> None:
        """Guards: `accounts.services.deactivate` wakes `Live`; `facts._closed`. Its API token ends with it."""
        email = f"leila.{secrets.token_hex(4)}@nordhavn.example"
        await asyncio.to_thread(self.portal.create_person, email, "Leila Haddad")
        await asyncio.to_thread(self.portal.make_token, email)
        browser = self.client()
        await browser.sign_in(email, PASSWORD)
        socket = await self.join(browser, self.meeting["code"])
        leila = self.member(socket, (await socket.message("room"))["you"])
        await leila.speak()

        def flows() -> bool:
            leila.say()
            return leila.heard(self.ingrid) > 5 and self.ingrid.heard(leila) > 5

        await self.until(flows)
        admin = await self.portal.signed_in(HOST)
        page = (await admin.get(f"/people/?q={email}")).body.decode()
        path = re.findall(r"/people/[0-9a-f-]{36}/deactivate/", page)[0]
        form = f"csrfmiddlewaretoken={admin.cookie('lintel-csrf')}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": admin.base}
        self.assertEqual((await admin.request("POST", path, form, headers)).status, 302)
        done = time.monotonic()
        self.assertEqual((await socket.message("refused"))["reason"], "inactive")
        # A quarter of a second is promised; a busy machine gets more, and still far less than the tick of 3 s.
        self.assertLess(time.monotonic() - done, 1.5)
        await asyncio.sleep(UNDER_WAY_SECONDS)
        before = (leila.media.media_datagrams_received(), self.ingrid.heard(leila))
        for _ in range(20):
            leila.say()
            await self.speak_for(0.02)
        self.assertEqual((leila.media.media_datagrams_received(), self.ingrid.heard(leila)), before)
        self.assertEqual((await self.portal.try_api(email, "GET", "/meetings")).status, 401)

    async def test_what_a_host_muted_is_not_forwarded_though_it_is_still_sent(self) -> None:
        """Guard: `Seat.open_sources`."""
        await self.ingrid.socket.ask("host.mute", participant=self.peter.id, source=MICROPHONE)
        await self.speak_for(0.1)
        before = self.ingrid.heard(self.peter)
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(self.ingrid.heard(self.peter), before)
        await self.peter.switch(True)
        await self.until(lambda: self.ingrid.heard(self.peter) > before + 5)

    async def test_off_is_off_whatever_the_page_sends(self) -> None:
        """Guard: `Room.switch`."""
        await self.peter.switch(False)
        await self.speak_for(0.1)
        before = self.ingrid.heard(self.peter)
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(self.ingrid.heard(self.peter), before)

    async def test_media_flow_on_while_only_the_socket_is_cut_and_the_seat_comes_back(self) -> None:
        """Not an intruder: a cut socket costs nobody their media, and the transports outlive it."""
        await self.peter.socket.cut()
        before = (self.peter.heard(self.ingrid), self.ingrid.heard(self.peter))
        await self.until(lambda: self.peter.heard(self.ingrid) > before[0] + 10)
        await self.until(lambda: self.ingrid.heard(self.peter) > before[1] + 10)
        back = await self.join(self.peters_browser, self.meeting["code"], "Peter")
        self.assertEqual((await back.message("room"))["you"], self.peter.id)
        await back.ask("media.start", fresh=False)
        await back.message("media.offer")

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

    async def test_the_end_for_everyone_ends_every_packet(self) -> None:
        """Guard: `Engine.close_session` in `Room.finish`."""
        await self.ingrid.socket.send("host.end")
        self.assertEqual(await self.peter.socket.closed(), 4404)
        before = self.peter.media.media_datagrams_received()
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(self.peter.media.media_datagrams_received(), before)

    async def test_kill_9_leaves_a_meeting_that_its_members_resume_with_media(self) -> None:
        """Guard: `Live._keep_interrupted_seats`; members arrive again and start afresh."""
        await asyncio.to_thread(self.portal.kill_and_restart)
        self.ingrid.close()
        self.peter.close()
        host_browser = self.client()
        for browser, name in ((self.peters_browser, "peter"), (host_browser, "ingrid")):
            if browser is host_browser:
                await browser.sign_in(HOST, PASSWORD)
            socket = await self.join(browser, self.meeting["code"], "Peter")
            member = self.member(socket, (await socket.message("room"))["you"])
            setattr(self, name, member)
            await member.speak()
        await self.until(lambda: self.peter.heard(self.ingrid) > 5 and self.ingrid.heard(self.peter) > 5)

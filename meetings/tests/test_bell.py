"""Changes made by other processes: heard of by a ring, found by the tick if a ring is lost, asked about once."""

from __future__ import annotations

import asyncio
import socket
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from django.conf import settings
from django.test import SimpleTestCase, TestCase, override_settings

from meetings import bell
from meetings.live import Live, upkeep
from meetings.live.wakeups import ChangeReader
from meetings.models import Change, Invitation
from meetings.tests.live_case import Browser, LiveCase, Talk, make_link, running_live


class BellCase(SimpleTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(override_settings(LINTEL=replace(settings.LINTEL, data_dir=self.directory)))
        self.rung = asyncio.Event()

    def listen(self) -> bell.Bell:
        listening = bell.listen(self.rung.set)
        assert listening is not None
        self.addCleanup(listening.close)
        return listening


@patch.object(bell, "rings_by_database", lambda: False)
class SocketBellTests(BellCase):
    async def test_a_ring_is_heard(self) -> None:
        listening = self.listen()
        bell.ring()
        await asyncio.wait_for(self.rung.wait(), 20)
        listening.close()

    async def test_nobody_has_to_listen(self) -> None:
        bell.ring()
        self.assertEqual(list(self.directory.iterdir()), [])

    async def test_only_our_user_may_ring(self) -> None:
        self.listen()
        self.assertEqual(stat.S_IMODE(bell.socket_path().stat().st_mode), 0o600)

    async def test_endless_rings_never_hold_up_who_rings(self) -> None:
        self.listen()
        for _ in range(5_000):
            bell.ring()
        await asyncio.wait_for(self.rung.wait(), 20)

    async def test_what_a_killed_server_left_behind_does_not_silence_the_next(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left_behind:
            left_behind.bind(str(bell.socket_path()))
        self.listen()
        bell.ring()
        await asyncio.wait_for(self.rung.wait(), 20)

    async def test_closing_takes_ones_own_socket_away_and_no_other(self) -> None:
        first = self.listen()
        second = self.listen()
        first.close()
        bell.ring()
        await asyncio.wait_for(self.rung.wait(), 20)
        second.close()
        self.assertFalse(bell.socket_path().exists())

    async def test_a_directory_whose_name_is_too_long_is_told_in_one_line(self) -> None:
        deep = self.directory / ("a" * 60) / ("b" * 60)
        deep.mkdir(parents=True)
        with override_settings(LINTEL=replace(settings.LINTEL, data_dir=deep)):
            with self.assertLogs("lintel.bell", "WARNING") as logged:
                self.assertIsNone(bell.listen(self.rung.set))
            bell.ring()
        self.assertEqual(len(logged.output), 1)


class ChangeReaderTests(TestCase):
    def setUp(self) -> None:
        Change.objects.create()
        self.reader = ChangeReader()
        self.reader.start_after(self.reader.newest())

    def news(self) -> list[str | None]:
        return self.reader.news(self.reader.read())

    def test_what_was_there_before_is_no_news(self) -> None:
        self.assertEqual(self.news(), [])

    def test_a_change_is_news_once(self) -> None:
        Change.objects.create()
        self.assertEqual((self.news(), self.news()), ([None], []))

    def test_what_this_process_did_itself_is_no_news(self) -> None:
        self.reader.note(Change.objects.create().pk)
        self.assertEqual(self.news(), [])

    def test_a_number_that_was_taken_early_and_committed_late_is_news_too(self) -> None:
        late = Change.objects.create().pk
        Change.objects.filter(pk=late).delete()
        Change.objects.create()
        self.assertEqual(self.news(), [None])
        Change.objects.create(pk=late)
        self.assertEqual(self.news(), [None])

    def test_what_is_remembered_stays_bounded(self) -> None:
        for number in range(10_000, 12_000):
            self.reader.note(number)
            self.reader.news([(number, None)])
        self.assertLess(len(self.reader._seen), 1_000)


class OtherProcessTests(LiveCase):
    """Another process writes rows that this one is not told of, as a command or a second worker does."""

    async def revoked_behind_our_back(self) -> None:
        await Invitation.objects.filter(email="peter@medreg.example").aupdate(revoked_at=self.occurrence.starts_at)
        await Change.objects.acreate(occurrence=self.occurrence)

    async def guest_inside(self, live: Live) -> Talk:
        host = await self.host_inside(live)
        browser = Browser(live)
        await browser.open_link(self.secret)
        talk = await browser.join(self.code, "Peter")
        await host.ask("door.admit", participant=(await talk.message("door"))["participant"])
        await talk.message("room")
        return talk

    def setUp(self) -> None:
        super().setUp()
        _, self.secret = make_link(self.occurrence, "peter@medreg.example")

    @patch.object(bell, "rings_by_database", lambda: False)
    async def test_a_ring_makes_the_door_asked_again_without_a_tick(self) -> None:
        with patch.object(upkeep, "CHANGE_TICK_SECONDS", 3_600), patch.object(upkeep, "LEASE_TICK_SECONDS", 3_600):
            async with running_live() as live:
                guest = await self.guest_inside(live)
                await self.revoked_behind_our_back()
                bell.ring()
                self.assertEqual((await guest.message("refused"))["reason"], "closed")

    async def test_a_lost_ring_is_made_good_by_the_tick(self) -> None:
        with patch.object(upkeep, "LEASE_TICK_SECONDS", 3_600):
            async with running_live() as live:
                guest = await self.guest_inside(live)
                await self.revoked_behind_our_back()
                self.assertEqual((await guest.message("refused"))["reason"], "closed")

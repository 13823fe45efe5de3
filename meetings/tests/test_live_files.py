"""Sealed files over real sockets: kept for the meeting, given to members, to nobody else, and gone afterwards."""

from __future__ import annotations

import asyncio
import base64
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from meetings.audit.words import sentence
from meetings.live import facts, files
from meetings.live.files import Files
from meetings.models import AuditEntry
from meetings.signaling.group_messages import MAX_CHUNK_BYTES
from meetings.signaling.protocol import ProtocolError
from meetings.tests.live_case import Json, LiveCase, Talk, running_live
from meetings.tests.test_live_group import GROUP, GroupCase

CHUNK = MAX_CHUNK_BYTES


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def passed_on(talk: Talk, content: bytes) -> str:
    """Begins a file and sends all of it."""
    file = str((await talk.ask("file.begin", size=len(content)))["file"])
    for number, at in enumerate(range(0, len(content), CHUNK)):
        answer = await talk.ask("file.chunk", file=file, number=number, data=b64(content[at : at + CHUNK]))
        assert answer["type"] == "ok", answer
    return file


async def read(talk: Talk, file: str, number: int = 0) -> Any:
    answer = await talk.ask("file.read", file=file, number=number)
    return answer.get("data") or answer["code"]


class SealedFileTests(GroupCase):
    async def test_a_file_reaches_members_and_nothing_of_it_stays(self) -> None:
        content = os.urandom(CHUNK + 100)
        async with running_live() as live:
            host = await self.founded(live)
            guest, _ = await self.added(live, host)
            file = await passed_on(guest, content)
            assert await read(host, file, 0) == b64(content[:CHUNK])
            assert await read(host, file, 1) == b64(content[CHUNK:])
            assert await read(host, file, 2) == "bad_field"
            place = settings.LINTEL.data_dir / "files"
            assert list(place.iterdir()) == []  # without a name nothing is left of it, whatever becomes of the process
            room = live.rooms[str(self.occurrence.pk)]
            assert (room.files.passed, room.files.passed_bytes) == (1, len(content))
            await host.send("host.end")
            while await host.hear() is not None:
                pass
            assert room.files.taken == 0
            await asyncio.gather(*[task for task in live._tasks if "attempt" in repr(task)])
        entry = await AuditEntry.objects.select_related("detail").aget(kind="meeting.files_passed")
        said = await sync_to_async(sentence)(entry)
        assert said == "Sealed files were passed on in the meeting; none of them is kept: 1 file, 1 MB."

    async def test_only_members_who_may_write_pass_files_on_and_only_members_read_them(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, who = await self.added(live, host)
            file = await passed_on(host, b"sealed" * 10)
            waiting, mallory = await self.knock(live, host, "Mallory")
            assert await read(waiting, file) == "not_inside"
            assert await read(guest, file) == b64(b"sealed" * 10)
            # Somebody inside who is no member has nothing to open it with, and gets nothing.
            await host.ask("door.admit", participant=mallory)
            await waiting.message("room")
            assert await read(waiting, file) == "not_allowed"
            await host.ask("host.person_rights", participant=who, chat=False)
            assert (await guest.ask("file.begin", size=20))["code"] == "not_allowed"
            assert await read(guest, file) == b64(b"sealed" * 10)
            await host.ask("host.suspend")
            assert (await host.ask("file.begin", size=20))["code"] == "suspended"
            await host.ask("host.remove", participant=who)
            assert file in live.rooms[str(self.occurrence.pk)].files._files

    async def test_nothing_is_read_or_said_while_all_is_suspended_or_nobody_can_be_asked(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _ = await self.added(live, host)
            file = await passed_on(host, b"sealed" * 10)
            message = {"group": GROUP, "epoch": 1, "message": "AAAA"}
            await host.ask("host.suspend")
            assert await read(guest, file) == "suspended"
            await host.ask("host.resume")
            assert await read(guest, file) == b64(b"sealed" * 10)
            with mock.patch.object(facts, "Register", side_effect=OSError("no disk")):
                async with live.rooms[self.id].lock:  # what was asked before has been answered
                    for seat in live.rooms[self.id].seats.values():
                        seat.lease_until = live.clock()
                assert await read(guest, file) == "try_again"
                for kind in ("chat", "file", "reaction"):
                    answer = await guest.ask("e2ee.app", **message, **{"class": kind})
                    assert answer["code"] == "try_again", kind
                assert (await host.ask("file.withdraw", file=file))["type"] == "ok"

    async def test_chunks_come_in_order_from_their_owner_and_files_are_read_once_they_are_whole(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _ = await self.added(live, host)
            file = str((await guest.ask("file.begin", size=CHUNK + 20))["file"])
            whole, rest = b64(bytes(CHUNK)), b64(bytes(20))
            refused = [
                (host, 0, whole, "not_allowed"), (guest, 1, rest, "conflict"), (guest, 0, rest, "conflict"),
            ]  # fmt: skip
            for talk, number, data, code in refused:
                assert (await talk.ask("file.chunk", file=file, number=number, data=data))["code"] == code
            assert (await guest.ask("file.chunk", file=file, number=0, data=whole))["type"] == "ok"
            assert (await guest.ask("file.chunk", file=file, number=0, data=rest))["code"] == "conflict"
            assert await read(host, file) == "wrong_state"
            assert (await guest.ask("file.chunk", file=file, number=1, data=rest))["type"] == "ok"
            assert (await guest.ask("file.chunk", file=file, number=0, data=whole))["code"] == "conflict"
            assert (await guest.ask("file.chunk", file=file, number=2, data=rest))["code"] == "conflict"
            assert await read(host, file, 1) == rest
            assert await read(host, "7b0e8f2c-93a8-4a53-9a0b-4f9f1c0f0a01") == "no_such_file"

    async def test_the_newest_chunk_is_taken_again_from_whoever_got_no_answer(self) -> None:
        content = os.urandom(CHUNK + 20)
        first, last = b64(content[:CHUNK]), b64(content[CHUNK:])
        async with running_live() as live:
            host = await self.founded(live)
            guest, _ = await self.added(live, host)
            file = str((await guest.ask("file.begin", size=len(content)))["file"])
            for number, data in ((0, first), (0, first), (1, last), (1, last)):
                assert (await guest.ask("file.chunk", file=file, number=number, data=data))["type"] == "ok"
            assert (await host.ask("file.chunk", file=file, number=1, data=last))["code"] == "not_allowed"
            assert [await read(host, file, number) for number in (0, 1)] == [first, last]
            room = live.rooms[self.id]
            assert (room.files.passed, room.files.passed_bytes, room.files.taken) == (1, len(content), len(content))

    async def test_its_owner_or_a_host_withdraws_a_file(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _ = await self.added(live, host)
            theirs, own = await passed_on(guest, b"x" * 20), await passed_on(host, b"y" * 20)
            assert (await guest.ask("file.withdraw", file=own))["code"] == "not_a_host"
            for talk, file in ((host, theirs), (host, own)):
                assert (await talk.ask("file.withdraw", file=file))["type"] == "ok"
                assert await read(guest, file) == "no_such_file"

    async def test_limits_are_named(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            kept = live.rooms[str(self.occurrence.pk)].files
            assert host.last("room")["meeting"]["largest_file"] == 25 * 1024 * 1024
            assert (await host.ask("file.begin", size=kept.largest + 1))["code"] == "too_large"
            for _ in range(files.MOST_UNFINISHED):
                assert (await host.ask("file.begin", size=kept.largest))["type"] == "ok"
            assert (await host.ask("file.begin", size=20))["code"] == "too_many"
            kept.clock = lambda: time.monotonic() + files.STALE_SECONDS + 1
            kept.room_for = 100
            assert (await host.ask("file.begin", size=101))["code"] == "full"
            with mock.patch("meetings.live.files._write", side_effect=OSError):
                file = (await host.ask("file.begin", size=20))["file"]
                assert (await host.ask("file.chunk", file=file, number=0, data=b64(bytes(20))))["code"] == "full"
            assert kept.taken == 0

    async def test_whoever_leaves_leaves_no_half_of_a_file(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _ = await self.added(live, host)
            whole = await passed_on(guest, b"x" * 20)
            await guest.ask("file.begin", size=20)
            await guest.send("leave")
            while await guest.hear() is not None:
                pass
            kept = live.rooms[str(self.occurrence.pk)].files
            assert list(kept._files) == [whole]


class OtherMeetings(LiveCase):
    def rules(self) -> Json:
        return {"encryption": "transport"}

    async def test_where_the_server_can_read_there_are_no_sealed_files(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            assert host.last("room")["meeting"]["largest_file"] == 0
            assert (await host.ask("file.begin", size=20))["code"] == "wrong_state"


def test_a_file_is_not_closed_while_it_is_read(tmp_path: Path) -> None:
    asyncio.run(read_while_it_is_withdrawn(tmp_path))


async def read_while_it_is_withdrawn(tmp_path: Path) -> None:
    kept = Files(tmp_path, largest=100, room_for=100)
    file = await kept.begin("anna", 20)
    await kept.add("anna", file, 0, b"a" * 20)
    found = kept._files[file]

    def reading(opened: int) -> bytes:
        kept.withdraw(file)
        return os.pread(opened, 20, 0)

    assert await found.use(reading) == b"a" * 20
    assert found.content is not None
    assert found.content.closed
    with pytest.raises(ProtocolError, match="no such file"):
        await kept.read(file, 0)


class SlowDisk:
    """Makes files when it is told to. `made_by`: the threads that waited for it."""

    def __init__(self) -> None:
        self.asked, self.turns = threading.Event(), threading.Event()
        self.made: list[Any] = []
        self.made_by: set[int] = set()
        self._really = tempfile.TemporaryFile

    def __call__(self, **how: Any) -> Any:
        self.made_by.add(threading.get_ident())
        self.asked.set()
        assert self.turns.wait(20)
        self.made.append(self._really(**how))
        return self.made[-1]


def test_everybody_is_served_while_the_disk_makes_a_file(tmp_path: Path) -> None:
    asyncio.run(begin_on_a_slow_disk(tmp_path))


@asynccontextmanager
async def while_a_file_is_made(kept: Files, disk: SlowDisk) -> AsyncIterator[asyncio.Task[str]]:
    """Anna's, of 60 bytes; the disk takes its time until it is let go on."""
    with mock.patch("tempfile.TemporaryFile", disk):
        beginning = asyncio.create_task(kept.begin("anna", 60))
        assert await asyncio.to_thread(disk.asked.wait, 20)
        yield beginning


async def begin_on_a_slow_disk(tmp_path: Path) -> None:
    kept, disk = Files(tmp_path, largest=100, room_for=100), SlowDisk()
    async with while_a_file_is_made(kept, disk) as beginning:
        with pytest.raises(ProtocolError, match="no room"):  # what is being made is counted
            await kept.begin("bo", 60)
        disk.turns.set()
        file = await beginning
    assert threading.get_ident() not in disk.made_by
    await kept.add("anna", file, 0, b"a" * 60)
    assert await kept.read(file, 0) == b"a" * 60


def test_a_file_that_was_being_made_as_the_meeting_ended_is_closed(tmp_path: Path) -> None:
    asyncio.run(end_while_a_file_is_made(tmp_path))


async def end_while_a_file_is_made(tmp_path: Path) -> None:
    kept, disk = Files(tmp_path, largest=100, room_for=100), SlowDisk()
    async with while_a_file_is_made(kept, disk) as beginning:
        kept.close()
        disk.turns.set()
        with pytest.raises(ProtocolError, match="no such file"):
            await beginning
    assert [made.closed for made in disk.made] == [True]
    assert kept.taken == 0


def test_where_no_file_can_be_made_none_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = Files(tmp_path / "file", largest=100, room_for=100)
    for _ in range(3):
        with pytest.raises(ProtocolError, match="the server has no room"):
            asyncio.run(kept.begin("anna", 60))
    assert kept.taken == 0

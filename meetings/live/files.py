"""Sealed files of one live meeting: kept as they come, chunk by chunk, given to people inside, and gone with it.

Opaque: nothing is known of a file but who passes it on and how large it is. What is kept has no name in the file
system, so that nothing is left of it once the room or the process ends, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, cast

from meetings.signaling.group_messages import MAX_CHUNK_BYTES
from meetings.signaling.protocol import ProtocolError

MOST_FILES: Final = 200
MOST_UNFINISHED: Final = 2
STALE_SECONDS: Final = 30.0
MEGABYTE: Final = 1024 * 1024
TAG_BYTES: Final = 16
LEFT_FOR_OTHERS: Final = 512 * MEGABYTE
"""Of the disk: the database is on it."""

T = TypeVar("T")


@dataclass
class SealedFile:
    """`stored`: bytes that have come; it is whole when they are `size`. `touched`: when the last of them came.
    `content` is None before `open`."""

    owner: str
    size: int
    touched: float
    content: BinaryIO | None = None
    stored: int = 0
    is_withdrawn: bool = False
    _busy: int = 0

    @property
    def is_whole(self) -> bool:
        return self.stored == self.size

    async def open(self, place: Path) -> None:
        """Raises OSError, and then `withdraw` it. Until this returns nobody may `use` it."""
        self._busy += 1
        try:
            self.content = await asyncio.to_thread(_without_a_name, place, self.size)
        finally:
            self._busy -= 1
            self._close_if_idle()

    async def use(self, work: Callable[[int], T]) -> T:
        """Calls `work` with the open file's number, in a thread. It is not closed meanwhile: its number would be given
        to the next file that anything here opens."""
        assert self.content is not None  # noqa: S101 - for the type checker
        self._busy += 1
        try:
            return await asyncio.to_thread(work, self.content.fileno())
        finally:
            self._busy -= 1
            self._close_if_idle()

    def withdraw(self) -> None:
        self.is_withdrawn = True
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self.is_withdrawn and not self._busy and self.content is not None:
            self.content.close()


class Files:
    """`largest`, `room_for`: bytes of one file, and of all that are there. Raises `ProtocolError` for everything that
    isn't so."""

    def __init__(
        self, place: Path, *, largest: int, room_for: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self.place = place
        self.largest = largest
        self.room_for = room_for
        self.passed = 0
        self.passed_bytes = 0
        self._files: dict[str, SealedFile] = {}

    def __repr__(self) -> str:
        return f"<Files {len(self._files)} of {self.taken} bytes>"

    @property
    def taken(self) -> int:
        return sum(one.size for one in self._files.values())

    async def begin(self, owner: str, size: int) -> str:
        """Keeps room for a file of this person's. Returns its id, which nobody can guess.

        Everything is counted before the wait for the disk: two that begin at once don't take the same room.
        """
        if size > self.largest:
            raise ProtocolError("too_large", f"at most {self.largest} bytes", field="size")
        self._drop_stale()
        if len([one for one in self._files.values() if one.owner == owner and not one.is_whole]) >= MOST_UNFINISHED:
            raise ProtocolError("too_many", "finish or withdraw another file first")
        if self.taken + size > self.room_for or len(self._files) >= MOST_FILES:
            raise ProtocolError("full", "no room for another file in this meeting")
        file = str(uuid.uuid4())
        begun = self._files[file] = SealedFile(owner, size, self.clock())
        try:
            await begun.open(self.place)
        except OSError:
            raise ProtocolError("full", "the server has no room for another file") from None
        finally:
            if begun.content is None:  # or nobody waits for it any more
                self.withdraw(file)
        self._find(file)  # the meeting may have ended meanwhile
        return file

    async def add(self, owner: str, file: str, number: int, data: bytes) -> None:
        """The next chunk; or the newest once more, whose sender can't know that it has come. All are of one length, but
        the last, which brings what is missing."""
        found = self._find(file)
        if found.owner != owner:
            raise ProtocolError("not_allowed", "this file is somebody else's")
        at = number * MAX_CHUNK_BYTES
        length = min(MAX_CHUNK_BYTES, found.size - at)
        is_next = at == found.stored
        if not (is_next or at + length == found.stored) or len(data) != length:
            raise ProtocolError("conflict", "this is not the next chunk")
        found.touched = self.clock()
        found.stored = at + length  # before the wait: a chunk that is sent twice at once is not the next one twice
        try:
            await found.use(lambda opened: _write(opened, data, at))
        except OSError:
            self.withdraw(file)
            raise ProtocolError("full", "the server could not keep the file") from None
        if is_next and found.is_whole and not found.is_withdrawn:
            self.passed += 1
            self.passed_bytes += found.size

    async def read(self, file: str, number: int) -> bytes:
        """A chunk of a file that is whole."""
        found = self._find(file)
        at = number * MAX_CHUNK_BYTES
        if not found.is_whole:
            raise ProtocolError("wrong_state", "this file is not whole yet")
        if at >= found.size:
            raise ProtocolError("bad_field", "number: behind the end of the file", field="number")
        return await found.use(lambda opened: os.pread(opened, min(MAX_CHUNK_BYTES, found.size - at), at))

    def owner(self, file: str) -> str:
        return self._find(file).owner

    def withdraw(self, file: str) -> None:
        """Nobody gets it from now on, and its place is free."""
        found = self._files.pop(file, None)
        if found is not None:
            found.withdraw()

    def keep_unfinished_of(self, inside: Collection[str]) -> None:
        """What anybody else was passing on will not be whole any more."""
        self._drop(lambda one: not one.is_whole and one.owner not in inside)

    def _drop_stale(self) -> None:
        """What was being passed on when a line was cut: its sender begins anew."""
        now = self.clock()
        self._drop(lambda one: not one.is_whole and now - one.touched > STALE_SECONDS)

    def _drop(self, is_over: Callable[[SealedFile], bool]) -> None:
        for file in [file for file, one in self._files.items() if is_over(one)]:
            self.withdraw(file)

    def close(self) -> None:
        for file in list(self._files):
            self.withdraw(file)

    def _find(self, file: str) -> SealedFile:
        found = self._files.get(file)
        if found is None:
            raise ProtocolError("no_such_file", "there is no such file, or it was withdrawn")
        return found


def _without_a_name(place: Path, size: int) -> BinaryIO:
    """Raises OSError also where the disk has no room for that many bytes."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if shutil.disk_usage(place).free < size + LEFT_FOR_OTHERS:
        raise OSError("no room is left")
    return cast("BinaryIO", tempfile.TemporaryFile(dir=place, buffering=0))


def _write(opened: int, data: bytes, at: int) -> None:
    if os.pwrite(opened, data, at) != len(data):
        raise OSError("the disk is full")


def files_of(settings: Any) -> Files | None:
    """For a room of an encrypted meeting, as the operator's settings say; None where no files are passed on."""
    if not settings.file_mb:
        return None
    place, room_for = settings.data_dir / "files", settings.meeting_files_mb * MEGABYTE
    return Files(place, largest=sealed_size(largest_file(settings)), room_for=room_for)


def largest_file(settings: Any) -> int:
    """In bytes of the file itself; 0: none."""
    return int(settings.file_mb) * MEGABYTE


def sealed_size(size: int) -> int:
    """Of a file's chunks as they are kept: each has a tag of 16 bytes."""
    return size + max(1, -(-size // (MAX_CHUNK_BYTES - TAG_BYTES))) * TAG_BYTES

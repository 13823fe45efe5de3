"""What happened: attendance, history, the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from portal.api.schemas.fields import Output


class StayOut(Output):
    entered_at: datetime
    left_at: datetime | None = Field(description="Null while they are inside.")


class AttendeeOut(Output):
    """One person, by account or invitation; by the meeting's link everybody is a new one."""

    name: str
    email: str = Field(description="Empty where none is known.")
    kind: Literal["host", "listed", "colleague", "guest", "anyone"]
    device: bool = Field(description="A machine by WHIP or WHEP, not a person.")
    entered_at: datetime = Field(description="When they first came in.")
    left_at: datetime | None = Field(description="When they left last; null while they are inside.")
    seconds: int = Field(description="How long they were inside in all.")
    stays: list[StayOut]


class Attendance(Output):
    items: list[AttendeeOut]
    next: str | None


class HistoryEntry(Output):
    number: int = Field(description="Its number in the audit chain.")
    at: datetime
    kind: str
    group: str = Field(description="What it is about: `door`, `invitations`, `sign_ins` …")
    result: Literal["allowed", "waiting", "refused", "failed", "done"]
    who: str = Field(description="Who acted, or came. Empty: the system, or erased.")
    text: str = Field(description="What happened, in plain words.")
    reason: str
    why: str = Field(description="Of an answer of the door: which rule, who settled it, and since when. Else empty.")
    network: str = Field(description="Cut short: /24 or /48. Empty: none, or erased.")


class History(Output):
    items: list[HistoryEntry]
    next: str | None


class MeetingNamed(Output):
    id: UUID
    title: str


class AuditEntryOut(HistoryEntry):
    meeting: MeetingNamed | None
    digest: str = Field(description="SHA-256 that chains this entry to all before it (docs/audit.md).")
    previous: str
    erased: bool = Field(description="Its personal details were erased; the chain still holds.")


class AuditLog(Output):
    items: list[AuditEntryOut]
    next: str | None

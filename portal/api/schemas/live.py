"""The live meeting: who is there, what hosts do to them, and passes for a stream server."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StrictInt

from portal.api.schemas.fields import LINE_OR_NOTHING, Input, Output, one_or_more


class RightsOut(Output):
    """What somebody may do now."""

    speak: bool
    show: bool
    share: bool
    chat: bool
    record: bool


class ParticipantOut(Output):
    """Somebody inside or at the door. `id` is what pages carry as `data-participant`."""

    id: str
    revision: int | None = Field(description="Of who waits: `admit` names it, so that it is about whom you saw.")
    name: str
    kind: Literal["host", "listed", "colleague", "guest", "anyone"]
    state: Literal["waiting", "inside"]
    device: bool = Field(description="A machine by WHIP or WHEP, not a person.")
    provenance: str
    email: str | None
    knocked_at: datetime | None
    entered_at: datetime | None
    connected: bool
    microphone: bool
    camera: bool
    screen: bool
    hand: datetime | None
    recording: datetime | None = Field(description="Since when they say that they record on their own device.")
    cautions: list[str]
    host: bool
    organiser: bool = Field(description="Made the meeting; no other host removes them.")
    rights: RightsOut | None = Field(description="Null for people at the door.")


class Participants(Output):
    live: bool = Field(description="Whether anybody is inside or at the door on this server.")
    items: list[ParticipantOut]
    next: str | None


class AdmitIn(Input):
    revision: Annotated[StrictInt, Field(ge=0, le=2**31)] = Field(
        0, description="`revision` of whom you saw at the door. Who has another name by now stays there."
    )
    bulk: StrictBool = Field(
        False, description="One of many, without a look at each: whoever has `cautions` is left at the door."
    )


class AnswerIn(Input):
    note: Annotated[str, Field(max_length=300), LINE_OR_NOTHING] = Field("", description="What the person is told.")
    block: StrictBool = Field(False, description="They can't come back to this meeting.")


class RemovalIn(Input):
    note: Annotated[str, Field(max_length=300), LINE_OR_NOTHING] = Field("", description="What the person is told.")
    block: StrictBool = Field(True, description="They can't come back to this meeting.")


class MuteIn(Input):
    source: Literal["microphone", "camera", "screen"] = "microphone"


class MuteAllIn(Input):
    unmute: StrictBool = Field(True, description="People may switch their microphone on again themselves.")


class AskIn(Input):
    source: Literal["microphone", "camera", "screen"] = "microphone"


class PersonRightsIn(Input):
    """Only the rights that are named are changed: true gives, false takes, null lets the meeting's rule hold."""

    speak: StrictBool | None = None
    show: StrictBool | None = None
    share: StrictBool | None = None
    chat: StrictBool | None = None
    record: StrictBool | None = None

    model_config = ConfigDict(extra="forbid", json_schema_extra=one_or_more)


class ResumeIn(Input):
    quiet: StrictBool = Field(False, description="Everybody switches microphone and camera on again themselves.")


class Done(Output):
    """The state after the action."""

    participant: str
    state: Literal["waiting", "permitted", "inside", "refused", "removed", "left"]


class MeetingState(Output):
    id: UUID
    status: Literal["scheduled", "live", "ended", "cancelled"]
    locked: bool
    suspended: bool


class StreamPassIn(Input):
    """For whom: a seat, an invitation, or (neither) the token's owner."""

    participant: UUID | None = Field(None, description="A seat of this meeting. Hosts only.")
    invitation: UUID | None = Field(None, description="An invitation to this meeting. Hosts only.")
    publish: StrictBool = Field(False, description="Whether they may also publish.")
    ttl_seconds: Annotated[StrictInt, Field(ge=30, le=3600)] = 300


class StreamPassMade(Output):
    """Shown this once. A Red5 Pro client gives the three as `username`, `password` and `token`."""

    room: str = Field(description="What stream names must begin with, followed by a slash.")
    username: str
    password: str
    token: str
    publish: bool
    expires_at: datetime

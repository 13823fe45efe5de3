"""Meetings, and the occurrences of those that repeat."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StrictInt

from portal.api.schemas.doors import DOOR, OPENS, PRESET, DoorOut, DoorTable, DoorTemplateRef, OptionsIn, OptionsOut
from portal.api.schemas.fields import ONE_LINE, PARAGRAPHS, Address, Input, Moment, Output, without_defaults

ENCRYPTION = Literal["e2ee", "sealed", "transport"]
_TITLE = Field(min_length=1, max_length=120)
_NOTES = Field(max_length=2000)
_DURATION = Field(ge=5, le=1440)
_ZONE = Field(min_length=1, max_length=64, description="A name of the IANA time zone database, such as Europe/Oslo.")
_RECURRENCE = Field(
    min_length=1,
    max_length=200,
    description="RRULE text (RFC 5545), such as FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20270630: DAILY, WEEKLY or MONTHLY, with "
    "INTERVAL, BYDAY, BYMONTHDAY, and COUNT or UNTIL. Without an end it goes on for five years.",
)
_HOSTS = Field(max_length=20, description="Addresses of accounts. The token's owner is always one of the hosts.")
_ENCRYPTION = Field(
    description="Settled for good. The link of a `sealed` meeting gets its key in the browser of the first host who "
    "opens the meeting's page; `link` is never the complete one."
)
_LISTED = Field(
    max_length=20,
    description="Groups by name, and domains as `@example.org`, whose people are on the list too. Who is in them is "
    "looked up whenever the door is asked.",
)


def _without_defaults_of_the_door(schema: dict[str, Any]) -> None:
    # What is absent is as the organisation settled it, which no document can know.
    for name in ("door", "door_opens_minutes", "options"):
        schema["properties"][name].pop("default", None)


class MeetingIn(Input):
    """Fields of the door that are absent, and absent options, are as the organisation settled them."""

    title: Annotated[str, _TITLE, ONE_LINE]
    starts_at: Moment
    duration_minutes: Annotated[StrictInt, _DURATION] = 60
    time_zone: Annotated[str, _ZONE] | None = Field(None, description="IANA name; by default the owner's, or UTC.")
    notes: Annotated[str, _NOTES, PARAGRAPHS] = ""
    hosts: Annotated[list[Address], _HOSTS] = Field(default_factory=list)
    recurrence: Annotated[str, _RECURRENCE] | None = None
    door: Annotated[PRESET | DoorTable | DoorTemplateRef, DOOR] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, OPENS] | None = Field(
        10, description="Minutes before the start at which the door opens; null: at any time."
    )
    listed: Annotated[list[Annotated[str, Field(max_length=254), ONE_LINE]], _LISTED] = Field(default_factory=list)
    encryption: Annotated[ENCRYPTION, _ENCRYPTION] = "transport"
    options: OptionsIn = Field(default_factory=OptionsIn)

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults_of_the_door)


class MeetingChange(Input):
    """Fields that are absent stay as they are."""

    title: Annotated[str, _TITLE, ONE_LINE] = ""
    starts_at: Moment = Field(default=datetime.min)
    duration_minutes: Annotated[StrictInt, _DURATION] = 60
    time_zone: Annotated[str, _ZONE] = ""
    notes: Annotated[str, _NOTES, PARAGRAPHS] = ""
    hosts: Annotated[list[Address], _HOSTS] = Field(default_factory=list)
    recurrence: Annotated[str, _RECURRENCE] | None = None
    door: Annotated[PRESET | DoorTable | DoorTemplateRef, DOOR] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, OPENS] | None = None
    listed: Annotated[list[Annotated[str, Field(max_length=254), ONE_LINE]], _LISTED] = Field(default_factory=list)
    encryption: Annotated[ENCRYPTION, _ENCRYPTION] = Field(
        "transport", description="Settled when the meeting is made; another mode than its own answers 422."
    )
    options: OptionsIn = Field(default_factory=OptionsIn)
    from_occurrence: UUID | None = Field(
        None, description="Of a meeting that repeats: the first occurrence whose time, length and rhythm change."
    )
    notify: StrictBool = Field(True, description="Tell invited people by email.")

    model_config = ConfigDict(extra="forbid", json_schema_extra=without_defaults)


class Person(Output):
    id: UUID
    name: str
    email: str


class MeetingOut(Output):
    """`you` is what the token's owner is here. Fields that only hosts see are null for others."""

    id: UUID
    code: str
    url: str = Field(description="The meeting link. It admits only as the door says.")
    title: str
    notes: str
    occurrence_id: UUID = Field(description="The occurrence that goes on, comes next, or was the last.")
    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    time_zone: str
    recurrence: str | None = Field(description="RRULE text, its UNTIL a day in the meeting's time zone.")
    status: Literal["scheduled", "live", "ended", "cancelled"]
    locked: bool | None
    suspended: bool | None
    encryption: ENCRYPTION
    door: DoorOut
    door_opens_minutes: int | None
    listed: list[str] | None = Field(description="Groups by name, domains as `@example.org`.")
    options: OptionsOut | None
    hosts: list[Person]
    you: Literal["host", "attendee"]
    created_at: datetime


class Meetings(Output):
    items: list[MeetingOut]
    next: str | None = Field(description="Give it as `cursor` to read on; null at the end.")


class OccurrenceOut(Output):
    id: UUID
    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    original_starts_at: datetime = Field(description="When the meeting's rule has it.")
    status: Literal["scheduled", "live", "ended", "cancelled"]


class Occurrences(Output):
    items: list[OccurrenceOut]
    next: str | None


class OccurrenceChange(Input):
    """Fields that are absent stay as they are."""

    starts_at: Moment = Field(default=datetime.min)
    duration_minutes: Annotated[StrictInt, _DURATION] = 60
    notify: StrictBool = Field(True, description="Tell invited people by email.")

    model_config = ConfigDict(extra="forbid", json_schema_extra=without_defaults)

"""A door: its table, its options, templates, and exceptions for single people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StrictInt

from portal.api.schemas.fields import (
    LINE_OR_NOTHING,
    ONE_LINE,
    Address,
    Input,
    Output,
    one_or_more,
    without_any_default,
)

WAYS = Literal["walks_in", "knocks", "turned_away"]
PRESET = Literal["named_people", "guests_knock", "everyone_knocks", "anyone_with_link"]
ASKED_ADDRESS = Literal["none", "any_address", "invited_address"]
WITHOUT_HOST = Literal["wait", "listed_start"]
AUDIENCE = Literal["everyone", "signed_in", "hosts"]


class DoorTable(Input):
    """The door's table: what happens to each kind of person. Hosts always walk in."""

    listed: WAYS
    colleagues: WAYS
    guests: WAYS
    anyone: WAYS
    guests_verified: StrictBool = Field(False, description="Guests first type a code mailed to the invited address.")
    anyone_verified: ASKED_ADDRESS = Field(
        "none",
        description="Others with the meeting link first type a code mailed to an address that they give, or to the "
        "invited address; then they are that guest.",
    )


class DoorTemplateRef(Input):
    template: Annotated[str, Field(min_length=1, max_length=60), ONE_LINE] = Field(
        description="The name of a door template, as `GET /door-templates` lists them."
    )


class OptionsIn(Input):
    """Only the options that are named are set; of a new meeting the others are as the organisation settled them."""

    speak: AUDIENCE = Field("everyone", description="Who can turn on their microphone. Hosts always can.")
    show: AUDIENCE = Field("everyone", description="Who can turn on their camera.")
    share: AUDIENCE = Field("everyone", description="Who can share their screen.")
    chat: AUDIENCE = Field("everyone", description="Who can chat.")
    record: AUDIENCE = Field(
        "hosts", description="Who can record on their own device. Whoever is in the meeting is told and asked."
    )
    allow_share: StrictBool = Field(
        True,
        description="Older form of `share`: true is `everyone`, false is `hosts`.",
        json_schema_extra={"deprecated": True},
    )
    allow_chat: StrictBool = Field(True, description="Older form of `chat`.", json_schema_extra={"deprecated": True})
    mics_start_off: StrictBool = False
    lock_after_minutes: Annotated[StrictInt, Field(ge=1, le=1440)] | None = Field(
        None, description="Locks the meeting this long after its start; null: never."
    )
    capacity: Annotated[StrictInt, Field(ge=1, le=100)] | None = Field(
        None, description="How many people may be inside at once; null: as many as the room and the organisation allow."
    )
    without_host: WITHOUT_HOST = "wait"

    model_config = ConfigDict(extra="forbid", json_schema_extra=without_any_default)


OPENS = Field(ge=0, le=1440)
DOOR = Field(
    description="A preset's name, the table, or a door template of the organisation by name. A template sets the "
    "opening and the options too, as far as they are not named beside it."
)


class DoorOut(Output):
    preset: Literal["named_people", "guests_knock", "everyone_knocks", "anyone_with_link", "custom"]
    listed: WAYS
    colleagues: WAYS
    guests: WAYS
    anyone: WAYS
    guests_verified: bool
    anyone_verified: ASKED_ADDRESS


class OptionsOut(Output):
    speak: AUDIENCE
    show: AUDIENCE
    share: AUDIENCE
    chat: AUDIENCE
    record: AUDIENCE
    allow_share: bool = Field(
        description="Whether `share` is more than `hosts`.", json_schema_extra={"deprecated": True}
    )
    allow_chat: bool = Field(description="Whether `chat` is more than `hosts`.", json_schema_extra={"deprecated": True})
    mics_start_off: bool
    lock_after_minutes: int | None
    capacity: int | None
    without_host: WITHOUT_HOST


class DoorTemplateOut(Output):
    id: UUID
    name: str
    about: str
    available: bool = Field(description="False where the organisation's limits don't allow it any more.")
    door: DoorOut
    door_opens_minutes: int | None
    options: OptionsOut


class DoorTemplates(Output):
    items: list[DoorTemplateOut]


_TEMPLATE_NAME = Field(min_length=1, max_length=60)


class DoorTemplateIn(Input):
    name: Annotated[str, _TEMPLATE_NAME, ONE_LINE]
    about: Annotated[str, Field(max_length=160), LINE_OR_NOTHING] = ""
    door: Annotated[PRESET | DoorTable, DOOR] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, OPENS] | None = 10
    options: OptionsIn = Field(default_factory=OptionsIn)


class DoorTemplateChange(Input):
    """Fields that are absent stay as they are."""

    name: Annotated[str, _TEMPLATE_NAME, ONE_LINE] = ""
    about: Annotated[str, Field(max_length=160), LINE_OR_NOTHING] = ""
    door: Annotated[PRESET | DoorTable, DOOR] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, OPENS] | None = 10
    options: OptionsIn = Field(default_factory=OptionsIn)

    model_config = ConfigDict(extra="forbid", json_schema_extra=one_or_more)


class ExceptionIn(Input):
    email: Address
    way: WAYS = Field(description="What happens to this person at the door, whatever their row says.")


class ExceptionOut(Output):
    id: UUID
    email: str
    name: str = Field(description="Of the account; empty for people without one.")
    way: WAYS
    set_at: datetime
    set_by: str = Field(description="The host who settled it.")


class Exceptions(Output):
    items: list[ExceptionOut]
    next: str | None


class BlockOut(Output):
    id: int
    name: str = Field(description="What the person was called when a host turned them away; empty once erased.")
    by: str = Field(description="The host; empty where nobody knows any more.")
    since: datetime
    removed: bool = Field(description="They were removed from inside, not turned away at the door.")
    is_account: bool = Field(description="The block holds for an account, not only for a link or a device.")


class Blocks(Output):
    items: list[BlockOut]
    next: str | None

"""What goes in and out. Input refuses unknown fields and values of the wrong type; every text and list has a bound."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, WithJsonSchema

WAYS = Literal["walks_in", "knocks", "turned_away"]
PRESET = Literal["named_people", "guests_knock", "everyone_knocks", "anyone_with_link"]
ENCRYPTION = Literal["e2ee", "sealed", "transport"]
ASKED_ADDRESS = Literal["none", "any_address", "invited_address"]
WITHOUT_HOST = Literal["wait", "listed_start"]
AUDIENCE = Literal["everyone", "signed_in", "hosts"]

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS: Final = re.compile(r"[^@\s,;<>\"()\[\]\\:]{1,64}@[^@\s,;<>\"()\[\]\\:]{1,253}")


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("write a time with its offset, such as 2026-11-24T13:30:00Z")
    try:
        found = datetime.fromisoformat(value.upper())
        if found.utcoffset() is not None:
            found.astimezone(UTC)  # the first and the last hours of the calendar are not there everywhere
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None
    if found.utcoffset() is None:
        raise ValueError("the offset is missing")
    return found


def _one_line(value: str) -> str:
    """Text without line breaks and control characters, with single spaces; never empty."""
    if _CONTROL.search(value) or "\n" in value or "\t" in value:
        raise ValueError("write it on one line, without control characters")
    value = " ".join(value.split())
    if not value:
        raise ValueError("must not be empty")
    return value


def _line_or_nothing(value: str) -> str:
    return _one_line(value) if value.strip() or _CONTROL.search(value) else ""


def _paragraphs(value: str) -> str:
    if _CONTROL.search(value.replace("\r\n", "\n")):
        raise ValueError("contains control characters")
    return value.replace("\r\n", "\n")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value.strip()):
        raise ValueError("this is not an email address")
    return value.strip().lower()


Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
ONE_LINE: Final = AfterValidator(_one_line)
LINE_OR_NOTHING: Final = AfterValidator(_line_or_nothing)
PARAGRAPHS: Final = AfterValidator(_paragraphs)
"""What a text may hold. They follow its length in `Annotated`: the length is that of what was sent, as the document
says, not of what is left when spaces are taken out."""
Address = Annotated[
    str,
    Field(min_length=3, max_length=254),
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "format": "email", "minLength": 3, "maxLength": 254}, mode="validation"),
]


class Input(Schema):
    """Base of every body: a field that we don't know is an error, not something to ignore."""

    model_config = ConfigDict(extra="forbid")


class Output(Schema):
    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})


# ---- meetings


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


def _without_any_default(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


def _one_or_more(schema: dict[str, Any]) -> None:
    _without_any_default(schema)
    schema["minProperties"] = 1


class OptionsIn(Input):
    """Only the options that are named are set; of a new meeting the others are as the organisation settled them."""

    speak: AUDIENCE = Field("everyone", description="Who can turn on their microphone. Hosts always can.")
    show: AUDIENCE = Field("everyone", description="Who can turn on their camera.")
    share: AUDIENCE = Field("everyone", description="Who can share their screen.")
    chat: AUDIENCE = Field("everyone", description="Who can chat.")
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

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_any_default)


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
_OPENS = Field(ge=0, le=1440)
_HOSTS = Field(max_length=20, description="Addresses of accounts. The token's owner is always one of the hosts.")
_ENCRYPTION = Field(
    description="Settled for good. The link of a `sealed` meeting gets its key in the browser of the first host who "
    "opens the meeting's page; `link` is never the complete one."
)
_DOOR = Field(
    description="A preset's name, the table, or a door template of the organisation by name. A template sets the "
    "opening and the options too, as far as they are not named beside it."
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
    door: Annotated[PRESET | DoorTable | DoorTemplateRef, _DOOR] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, _OPENS] | None = Field(
        10, description="Minutes before the start at which the door opens; null: at any time."
    )
    listed: Annotated[list[Annotated[str, Field(max_length=254), ONE_LINE]], _LISTED] = Field(default_factory=list)
    encryption: Annotated[ENCRYPTION, _ENCRYPTION] = "transport"
    options: OptionsIn = Field(default_factory=OptionsIn)

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults_of_the_door)


def _without_defaults(schema: dict[str, Any]) -> None:
    # An absent field of a change means "as it is"; a default in the document would say otherwise.
    for name, field in schema.get("properties", {}).items():
        if name != "notify":
            field.pop("default", None)
    schema["minProperties"] = 1


class MeetingChange(Input):
    """Fields that are absent stay as they are."""

    title: Annotated[str, _TITLE, ONE_LINE] = ""
    starts_at: Moment = Field(default=datetime.min)
    duration_minutes: Annotated[StrictInt, _DURATION] = 60
    time_zone: Annotated[str, _ZONE] = ""
    notes: Annotated[str, _NOTES, PARAGRAPHS] = ""
    hosts: Annotated[list[Address], _HOSTS] = Field(default_factory=list)
    recurrence: Annotated[str, _RECURRENCE] | None = None
    door: Annotated[PRESET | DoorTable | DoorTemplateRef, _DOOR] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, _OPENS] | None = None
    listed: Annotated[list[Annotated[str, Field(max_length=254), ONE_LINE]], _LISTED] = Field(default_factory=list)
    encryption: Annotated[ENCRYPTION, _ENCRYPTION] = Field(
        "transport", description="Settled when the meeting is made; another mode than its own answers 422."
    )
    options: OptionsIn = Field(default_factory=OptionsIn)
    from_occurrence: UUID | None = Field(
        None, description="Of a meeting that repeats: the first occurrence whose time, length and rhythm change."
    )
    notify: StrictBool = Field(True, description="Tell invited people by email.")

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults)


class Person(Output):
    id: UUID
    name: str
    email: str


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
    allow_share: bool = Field(
        description="Whether `share` is more than `hosts`.", json_schema_extra={"deprecated": True}
    )
    allow_chat: bool = Field(description="Whether `chat` is more than `hosts`.", json_schema_extra={"deprecated": True})
    mics_start_off: bool
    lock_after_minutes: int | None
    capacity: int | None
    without_host: WITHOUT_HOST


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

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults)


# ---- invitations


class InvitationIn(Input):
    email: Address
    name: Annotated[str, Field(max_length=120), LINE_OR_NOTHING] = ""
    role: Literal["attendee", "guest", "host"] = Field(
        "attendee",
        description="`attendee`, `guest`: whoever has the address. `host`: an account's address; it then hosts.",
    )
    notify: StrictBool = Field(
        True, description="Send the invitation by email. The link in the mail is one of its own."
    )
    occurrence_id: UUID | None = Field(
        None, description="To which occurrence of a meeting that repeats; by default to the current one."
    )
    and_later: StrictBool = Field(True, description="To the occurrences that follow it too, each with its own link.")


class InvitationOut(Output):
    id: UUID
    occurrence_id: UUID
    email: str
    name: str
    role: Literal["attendee", "guest", "host"] = Field(
        description="`attendee` has an account here, `guest` has none, `host` is one of the meeting's hosts."
    )
    state: Literal["invited", "sent", "opened", "used", "revoked"]
    created_at: datetime
    sent_at: datetime | None
    opened_at: datetime | None
    claimed_at: datetime | None = Field(description="First Join or Knock with a link of it.")
    revoked_at: datetime | None


class InvitationMade(InvitationOut):
    join_url: str = Field(description="The personal link. It is shown this once and stored nowhere.")


class Invitations(Output):
    items: list[InvitationOut]
    next: str | None


LINK_CHANGE = Literal["replace", "replace_all", "revoke", "revoke_all", "meeting_link"]


class InvitationChange(Input):
    """Fields that are absent stay as they are."""

    email: Address = ""
    name: Annotated[str, Field(max_length=120), LINE_OR_NOTHING] = ""
    role: Literal["host"] = Field("host", description="Makes the account of this address a host of the meeting.")
    notify: StrictBool = Field(True, description="Mail the invitation to a new address, and tell the old one.")

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults)


class NotifyIn(Input):
    notify: StrictBool = Field(True, description="Mail a new link to the invited address.")


class Count(Output):
    changed: int = Field(description="How many invitations were changed.")


class LinkPreview(Output):
    """Who breaks when links are taken back."""

    change: LINK_CHANGE
    taken_out: list[str] = Field(description="Names of people inside who are taken out.")
    listed_mailed: int = Field(description="People with an account who get the new link by email.")
    guests_mailed: int = Field(description="Guests who get a new personal link by email.")
    links_kept: int = Field(description="Personal links that keep working.")
    text: str = Field(description="The same in plain words.")


# ---- the live meeting


class RightsOut(Output):
    """What somebody may do now."""

    speak: bool
    show: bool
    share: bool
    chat: bool


class ParticipantOut(Output):
    """Somebody inside or at the door. `id` is what pages carry as `data-participant`."""

    id: str
    name: str
    kind: Literal["host", "listed", "colleague", "guest", "anyone"]
    state: Literal["waiting", "inside"]
    provenance: str
    email: str | None
    knocked_at: datetime | None
    entered_at: datetime | None
    connected: bool
    microphone: bool
    camera: bool
    screen: bool
    hand: datetime | None
    cautions: list[str]
    host: bool
    organiser: bool = Field(description="Made the meeting; no other host removes them.")
    rights: RightsOut | None = Field(description="Null for people at the door.")


class Participants(Output):
    live: bool = Field(description="Whether anybody is inside or at the door on this server.")
    items: list[ParticipantOut]
    next: str | None


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

    model_config = ConfigDict(extra="forbid", json_schema_extra=_one_or_more)


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


# ---- streams


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


# ---- the organisation


class Most(Input):
    """The most open answer that hosts may choose for each kind of people."""

    listed: WAYS = "walks_in"
    colleagues: WAYS = "walks_in"
    guests: WAYS = "walks_in"
    anyone: WAYS = "walks_in"
    guests_verified: StrictBool = Field(False, description="Guests always type a mailed code.")
    capacity: Annotated[StrictInt, Field(ge=1, le=100)] | None = None


SETTLEABLE_NAMES = Literal[
    "listed", "colleagues", "guests", "anyone", "opens_minutes", "without_host", "speak", "show", "share", "chat",
    "mics_start_off", "lock_after_minutes", "capacity",
]  # fmt: skip


class GuestAddressesIn(Input):
    """From which domains guests are taken; a domain stands for what is below it, too."""

    rule: Literal["any", "only", "except"] = "any"
    domains: Annotated[list[Annotated[str, Field(min_length=1, max_length=254)]], Field(max_length=500)] = Field(
        default_factory=list
    )


class DoorPolicyIn(Input):
    """All of it: what is absent is as it is without a policy."""

    door: Annotated[PRESET | DoorTable, Field(description="The door of a new meeting.")] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, Field(ge=0, le=1440)] | None = 10
    options: OptionsIn = Field(default_factory=OptionsIn)
    most: Most = Field(default_factory=Most)
    fixed: Annotated[list[SETTLEABLE_NAMES], Field(max_length=20, description="What hosts may not change.")] = Field(
        default_factory=list
    )
    guest_addresses: GuestAddressesIn = Field(default_factory=GuestAddressesIn)


class MostOut(Output):
    listed: WAYS
    colleagues: WAYS
    guests: WAYS
    anyone: WAYS
    guests_verified: bool
    capacity: int | None


class GuestAddressesOut(Output):
    rule: Literal["any", "only", "except"]
    domains: list[str]


class DoorPolicyOut(Output):
    door: DoorOut
    door_opens_minutes: int | None
    options: OptionsOut
    most: MostOut
    fixed: list[SETTLEABLE_NAMES]
    guest_addresses: GuestAddressesOut
    changed_at: datetime | None
    changed_by: str


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
    door: Annotated[PRESET | DoorTable, _DOOR] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, _OPENS] | None = 10
    options: OptionsIn = Field(default_factory=OptionsIn)


def _without_defaults_at_all(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        field.pop("default", None)
    schema["minProperties"] = 1


class DoorTemplateChange(Input):
    """Fields that are absent stay as they are."""

    name: Annotated[str, _TEMPLATE_NAME, ONE_LINE] = ""
    about: Annotated[str, Field(max_length=160), LINE_OR_NOTHING] = ""
    door: Annotated[PRESET | DoorTable, _DOOR] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, _OPENS] | None = 10
    options: OptionsIn = Field(default_factory=OptionsIn)

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults_at_all)


_GROUP_NAME = Field(min_length=1, max_length=80)
_MEMBERS = Field(max_length=1000, description="Addresses of accounts.")


class GroupIn(Input):
    name: Annotated[str, _GROUP_NAME, ONE_LINE]
    members: Annotated[list[Address], _MEMBERS] = Field(default_factory=list)


class GroupChange(Input):
    """Fields that are absent stay as they are; `members` replaces everybody who is in it."""

    name: Annotated[str, _GROUP_NAME, ONE_LINE] = ""
    members: Annotated[list[Address], _MEMBERS] = Field(default_factory=list)

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults_at_all)


class GroupOut(Output):
    id: UUID
    name: str
    members: list[str]
    meetings: int = Field(description="On the list of how many meetings it is.")


class Groups(Output):
    items: list[GroupOut]
    next: str | None


# ---- exceptions at the door


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


# ---- a meeting's own authorization service

_TOKEN = Field(max_length=2048, pattern=r"^[\x21-\x7e]*$")


class AuthorizationIn(Input):
    """All of it: what isn't named is as in a new one."""

    on: StrictBool = True
    url: Annotated[str, Field(max_length=400)] = Field(
        "", description="https://, at a public address, without a query. Needed where `on` is true."
    )
    profile: Literal["signed", "red5"] = Field("signed", description="`red5`: Red5 Pro's protocol to the letter.")
    names: Literal["opaque", "email"] = Field("opaque", description="How people are named to it.")
    lease_seconds: Annotated[StrictInt, Field(ge=15, le=3600)] = Field(
        60, description="How long a yes lasts that doesn't say so itself."
    )


class AuthorizationOut(Output):
    asked: Literal["nobody", "organisation", "meeting"] = Field(description="Whose service must agree now.")
    may_set: bool = Field(description="Whether administrators allow meetings a service of their own.")
    on: bool
    url: str
    profile: Literal["signed", "red5"]
    names: Literal["opaque", "email"]
    lease_seconds: int
    has_secret: bool


class AuthorizationSecret(Output):
    secret: str = Field(description="Shown this once.")


class TrialIn(Input):
    """A question about nobody."""

    type: Literal["subscriber", "publisher"] = "subscriber"
    username: Annotated[str, Field(max_length=254), LINE_OR_NOTHING] = Field("", description="By default made up.")
    token: Annotated[str, _TOKEN] = ""


class TrialOut(Output):
    outcome: Literal["allowed", "refused", "unanswered"]
    reason: str = Field(description="The service's words about a no.")
    problem: str = Field(description="Why there is no answer, or none that can be read.")
    lease_seconds: int | None
    grants: list[str] | None
    url: str = Field(description="What was asked.")
    headers: dict[str, str]
    body: str = Field(description="With passwords and tokens cut short.")
    status: int | None
    answer: str = Field(description="Its first 2,000 bytes.")


# ---- webhooks

COVERS = Literal["own", "organisation"]
EventName = Annotated[str, Field(min_length=1, max_length=40)]
EventNames = Annotated[list[EventName], Field(max_length=100)]


class WebhookIn(Input):
    """Where to send events, and which."""

    url: Annotated[str, Field(min_length=1, max_length=500)] = Field(description="https://, at a public address.")
    events: EventNames = Field(default_factory=list, description="Names of events. Empty: all, those to come too.")
    covers: COVERS = Field(
        "own", description="`own`: the meetings that you host. `organisation`: every meeting; administrators only."
    )


class WebhookChange(Input):
    """Fields that are absent stay as they are."""

    url: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    events: EventNames | None = None
    covers: COVERS | None = None
    on: StrictBool | None = Field(None, description="What happens while it is off is not sent later.")


class WebhookOut(Output):
    id: UUID
    url: str
    events: list[str]
    covers: COVERS
    on: bool
    off_because: str = Field(description="Why it was switched off by itself. Else empty.")
    failing_since: datetime | None = Field(description="Since when nothing has arrived. Null while all is well.")
    pending: int = Field(description="How many events are on their way.")
    created_at: datetime


class WebhookMade(WebhookOut):
    secret: str = Field(description="Shown this once. Signs what is sent, by the Standard Webhooks specification.")


class Webhooks(Output):
    items: list[WebhookOut]
    next: str | None


class WebhookSecret(Output):
    secret: str = Field(description="Shown this once. For a day, what is sent is signed with the one before too.")


class PingResult(Output):
    delivered: bool
    status: int | None = Field(description="Of the answer. Null: there was none.")
    problem: str = Field(description="Why it was not delivered. Else empty.")


class DeliveryOut(Output):
    id: str = Field(description="Of the event: `webhook-id` of every try.")
    event: str
    at: datetime = Field(description="When it happened.")
    state: Literal["pending", "delivered", "given_up"]
    attempts: int
    tried_at: datetime | None
    next_try_at: datetime | None = Field(description="Not before. Null: not any more.")
    status: int | None = Field(description="Of the last answer.")
    problem: str = Field(description="Why the last try failed.")


class Deliveries(Output):
    items: list[DeliveryOut]
    next: str | None


# ---- what happened


class StayOut(Output):
    entered_at: datetime
    left_at: datetime | None = Field(description="Null while they are inside.")


class AttendeeOut(Output):
    """One person, by account or invitation; by the meeting's link everybody is a new one."""

    name: str
    email: str = Field(description="Empty where none is known.")
    kind: Literal["host", "listed", "colleague", "guest", "anyone"]
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

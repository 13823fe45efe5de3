"""Invitations and their links."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool

from portal.api.schemas.fields import LINE_OR_NOTHING, Address, Input, Output, without_defaults


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
    link_withdrawn_at: datetime | None = Field(
        description="They have no link that opens: a host had copied their last one, and hosts no more."
    )


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

    model_config = ConfigDict(extra="forbid", json_schema_extra=without_defaults)


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

"""Webhooks, and what became of each event."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from portal.api.schemas.fields import Input, Output

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

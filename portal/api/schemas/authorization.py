"""A meeting's own authorization service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from portal.api.schemas.fields import LINE_OR_NOTHING, Input, Output

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

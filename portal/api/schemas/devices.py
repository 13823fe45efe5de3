"""Devices that take part by WHIP and WHEP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, model_validator

from portal.api.schemas.fields import ONE_LINE, Input, Output


class DeviceIn(Input):
    """At least one of `publish` and `watch` is true."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "anyOf": [
                {"properties": {"publish": {"const": True}}},
                {"properties": {"watch": {"const": True}}, "required": ["watch"]},
            ]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"\S"), ONE_LINE] = Field(
        description="What people in the room see."
    )
    publish: StrictBool = Field(True, description="It may send sound and picture, by WHIP.")
    watch: StrictBool = Field(False, description="It may be sent what others send, by WHEP.")
    picture: Literal["camera", "screen"] = Field(
        "camera", description="What its picture is: a camera, or a shared screen, which it may then share."
    )
    occurrence_id: UUID | None = Field(
        None, description="For which occurrence of a meeting that repeats; by default for the current one."
    )

    @model_validator(mode="after")
    def _does_something(self) -> Any:
        if not (self.publish or self.watch):
            raise ValueError("a device sends, watches, or both")
        return self


class DeviceOut(Output):
    id: UUID
    occurrence_id: UUID
    name: str
    publish: bool
    watch: bool
    picture: Literal["camera", "screen"]
    created_at: datetime
    revoked_at: datetime | None = Field(description="When the token was taken back.")


class DeviceMade(DeviceOut):
    token: str = Field(description="The bearer token. It is shown this once and stored nowhere.")
    whip_url: str | None = Field(description="Where it sends to. Null for a device that only watches.")
    whep_url: str | None = Field(description="Where it watches. Null for a device that only sends.")


class Devices(Output):
    items: list[DeviceOut]
    next: str | None

"""Who is spoken to: the list of devices that the audience digest of each core stands for.

It is the first message that a device sends to an audience in a conversation, so that every
recipient can see who else reads along. The sender's own agency's devices stand in it too.

Spec: docs/spec/envelope.md, "Core".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.content.base import ContentModel
from quietway_schemas.errors import ContentError
from quietway_schemas.ids import DeviceId

MOST_AUDIENCE: Final = 50


class AudienceList(ContentModel):
    """`audience.list`: all devices of the audience, sorted, each once."""

    type: Literal["audience.list"] = "audience.list"
    devices: Annotated[tuple[DeviceId, ...], Field(min_length=1, max_length=MOST_AUDIENCE)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if list(self.devices) != sorted(set(self.devices)):
            raise ContentError("devices", "is not sorted, or names something twice")
        return self

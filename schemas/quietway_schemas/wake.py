"""Where a device is woken: up to four endpoints, and the two forms that a target has.

Rules: a target is read here and nowhere else, so that what one end accepts the other does not read
in another way. A host is what stands in the text, in lower case: a user, a fragment, a backslash
and every other letter that parsers disagree about is refused. Which hosts a relay goes to is its
operator's choice, and is not decided here.

Spec: docs/spec/wake-ups.md, "Leaving endpoints".
"""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.errors import ContentError
from quietway_schemas.fields import WireModel

WAKE_TEXT: Final = "New activity"
"""All that a wake-up ever says."""
WEBHOOK: Final = "webhook"
EMAIL: Final = "email"
MOST_ENDPOINTS: Final = 4
MOST_URL_CHARACTERS: Final = 512
MOST_ADDRESS_CHARACTERS: Final = 254
MOST_WAKE_BYTES: Final = 4_096
_PORTS: Final = {"https": 443, "http": 80}
_LARGEST_PORT: Final = 65_535
_HOST: Final = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]"
_ORIGIN: Final = re.compile(rf"(https?)://({_HOST})(?::([1-9][0-9]{{0,4}}))?", re.ASCII)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?", re.ASCII)
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class WebTarget:
    """Where a POST goes.

    Attributes:
        scheme: `https` or `http`.
        host: As it stands in the text: a name, or an address.
        port: Written out, also where the text leaves it out.
        path: With its query; `/` where the text has none.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, in one spelling."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """The host as a request names it: with its port, unless that is the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


def read_url(text: str) -> WebTarget:
    """Read where a POST goes.

    Raises:
        ContentError: It is not of the one form.
    """
    origin = _ORIGIN.match(text) if len(text) <= MOST_URL_CHARACTERS else None
    path = text[origin.end() :] if origin else ""
    if origin is None or not _PATH.fullmatch(path):
        raise ContentError("target", "is not an address like https://push.example/topic")
    port = int(origin[3]) if origin[3] else _PORTS[origin[1]]
    if port > _LARGEST_PORT:
        raise ContentError("target", "names a port that there is not")
    return WebTarget(origin[1], origin[2], port, path or "/")


def check_address(text: str) -> None:
    """Make sure that a text is one plain mail address.

    Raises:
        ContentError: It is not.
    """
    if len(text) > MOST_ADDRESS_CHARACTERS or not _ADDRESS.fullmatch(text):
        raise ContentError("target", "is not one plain address like on-call@agency.example")


class WakeEndpoint(WireModel):
    """One place where a device is woken."""

    kind: Literal["webhook", "email"]
    target: Annotated[str, Field(min_length=3, max_length=MOST_URL_CHARACTERS)]

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if self.kind == WEBHOOK:
            read_url(self.target)
        else:
            check_address(self.target)
        return self


class WakeEndpoints(WireModel):
    """All places where a device is woken, the preferred one first."""

    endpoints: Annotated[tuple[WakeEndpoint, ...], Field(max_length=MOST_ENDPOINTS)]

    @model_validator(mode="after")
    def _check_each_once(self) -> Self:
        if len(set(self.endpoints)) != len(self.endpoints):
            raise ContentError("endpoints", "names one place twice")
        return self

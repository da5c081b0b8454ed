"""Where this device's human is told that there is something, as a person writes it down.

Spec: docs/spec/wake-ups.md, "Leaving endpoints".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.errors import ContentRefused
from quietway_schemas.errors import ContentError
from quietway_schemas.wake import WakeEndpoint, WakeEndpoints

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_endpoints(targets: Sequence[str]) -> WakeEndpoints:
    """Read webhooks and addresses of mail, the preferred one first.

    Raises:
        ContentRefused: One is not of either form, stands there twice, or there are too many.
    """
    try:
        return WakeEndpoints(
            endpoints=tuple(
                WakeEndpoint(kind="webhook" if "://" in target else "email", target=target)
                for target in targets
            )
        )
    except ContentError as refused:
        raise ContentRefused(refused.field, refused.reason) from None

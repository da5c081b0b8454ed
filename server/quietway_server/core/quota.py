"""How much is too much: one place for every limit of the relay, and the arithmetic on them.

Rules: pure; a limit that is exceeded is a refusal with a registered code, never a silent drop.

Spec: docs/spec/relay-protocol.md, "Limits".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quietway_server.errors import RefusedError

SUBMIT_PATH: Final = "/v1/submit"
"""The one socket whose frames may be as long as the body of a batch."""
ENVELOPES_BODY_BYTES: Final = 1024 * 1024
DIRECTORY_BODY_BYTES: Final = 256 * 1024
CONTROL_BODY_BYTES: Final = 16 * 1024
BODY_SECONDS: Final = 60.0
REQUEST_SECONDS: Final = 300.0
PAGE_ENTRIES: Final = 64
PAGE_SOFT_BYTES: Final = 1024 * 1024
QUOTA_RETRY_SECONDS: Final = 3600
BUSY_RETRY_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits that an operator may set.

    Attributes:
        mailbox_envelopes: Envelopes waiting in one mailbox.
        lane_envelopes: Envelopes through one lane in its week.
        mailbox_sockets: Open sockets of one mailbox.
    """

    mailbox_envelopes: int = 10_000
    lane_envelopes: int = 20_000
    mailbox_sockets: int = 4

    def check_mailbox(self, waiting: int, *, index: int) -> None:
        """Refuse one more envelope for a mailbox that holds `waiting`.

        Raises:
            RefusedError: `mailbox_full`.
        """
        if waiting >= self.mailbox_envelopes:
            raise RefusedError("mailbox_full", index=index, retry_after=QUOTA_RETRY_SECONDS)

    def check_lane(self, used: int, *, index: int) -> None:
        """Refuse one more envelope through a lane that carried `used`.

        Raises:
            RefusedError: `over_quota`.
        """
        if used >= self.lane_envelopes:
            raise RefusedError("over_quota", index=index, retry_after=QUOTA_RETRY_SECONDS)

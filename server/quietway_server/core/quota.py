"""How much is too much: one place for every limit of the relay, and the arithmetic on them.

Rules: pure; a limit that is exceeded is a refusal with a registered code, never a silent drop.

Spec: docs/spec/relay-protocol.md, "Limits"; docs/spec/lanes.md, "Quotas".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quietway_server.errors import RefusedError

SUBMIT_PATH: Final = "/v1/submit"
"""The one socket whose frames may be as long as the body of a batch."""
ENVELOPES_BODY_BYTES: Final = 1024 * 1024
DIRECTORY_BODY_BYTES: Final = 256 * 1024
WITHDRAWALS_BODY_BYTES: Final = 8 * 1024
HOLDS_BODY_BYTES: Final = 520 * 1024
BLOB_PART_BYTES: Final = 1024 * 1024
CONTROL_BODY_BYTES: Final = 16 * 1024
BODY_SECONDS: Final = 60.0
REQUEST_SECONDS: Final = 300.0
PAGE_ENTRIES: Final = 256
PAGE_SOFT_BYTES: Final = 1024 * 1024
QUOTA_RETRY_SECONDS: Final = 3600
BUSY_RETRY_SECONDS: Final = 5
CRISIS: Final = "crisis"
"""The kind of a lane that alarms go through."""
_SHARE_OF_A_WEEK: Final = 8


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits that an operator may set.

    Attributes:
        mailbox_envelopes: Envelopes waiting in one mailbox.
        lane_envelopes: Envelopes through one lane in its week.
        lane_crisis_envelopes: Alarms through one lane in its week, beside those.
        mailbox_sockets: Open sockets of one mailbox.
        mailbox_crisis_envelopes: Alarms waiting in one mailbox, beside `mailbox_envelopes`.
    """

    mailbox_envelopes: int = 10_000
    lane_envelopes: int = 20_000
    lane_crisis_envelopes: int = 2_000
    mailbox_sockets: int = 4
    mailbox_crisis_envelopes: int = 1_000

    def check_mailbox(self, waiting: int, *, used: int, kind: str, index: int) -> None:
        """Refuse one more envelope for a mailbox that holds `waiting`.

        Its last half is for lanes that carried little, so that no single one can fill it; behind
        that there is room for alarms alone.

        Args:
            waiting: What the mailbox holds.
            used: What the lane carried in its week.
            kind: The lane's.
            index: Which record of the batch it is.

        Raises:
            RefusedError: `mailbox_full`.
        """
        if kind == CRISIS:
            most = self.mailbox_envelopes + self.mailbox_crisis_envelopes
        elif used * _SHARE_OF_A_WEEK >= self.lane_envelopes:
            most = self.mailbox_envelopes - self.mailbox_envelopes // 2
        else:
            most = self.mailbox_envelopes
        if waiting >= most:
            raise RefusedError("mailbox_full", index=index, retry_after=QUOTA_RETRY_SECONDS)

    def check_lane(self, used: int, *, kind: str, index: int) -> None:
        """Refuse one more envelope through a lane of this kind that carried `used`.

        Raises:
            RefusedError: `over_quota`.
        """
        most = self.lane_crisis_envelopes if kind == CRISIS else self.lane_envelopes
        if used >= most:
            raise RefusedError("over_quota", index=index, retry_after=QUOTA_RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class BlobQuota:
    """The limits of sealed files that an operator may set, in bytes.

    Attributes:
        one: Of one blob.
        lane: Through one lane in its week.
        all_: Of all blobs together.
    """

    one: int
    lane: int
    all_: int

    def check_size(self, total: int) -> None:
        """Refuse a blob that is too large by itself.

        Raises:
            RefusedError: `too_large`.
        """
        if total > self.one:
            raise RefusedError("too_large")

    def check_lane(self, charged: int) -> None:
        """Refuse a blob with which a lane would have been charged this much.

        Raises:
            RefusedError: `over_quota`.
        """
        if charged > self.lane:
            raise RefusedError("over_quota", retry_after=QUOTA_RETRY_SECONDS)

    def check_all(self, taken: int) -> None:
        """Refuse a blob with which all of them would take this much.

        Raises:
            RefusedError: `storage_full`.
        """
        if taken > self.all_:
            raise RefusedError("storage_full", retry_after=QUOTA_RETRY_SECONDS)

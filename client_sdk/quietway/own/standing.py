"""What a device that was linked still waits for: the agency's secret, and a snapshot of its cases.

Until the secret is there it publishes no lanes: others made of another secret would shut every
partner out. Until the snapshot is there it says nothing about cases, since it does not know them.
Both stand in the store from before the device first speaks.

Spec: docs/spec/keys.md, "A snapshot for a new device".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.errors import SecretAwaited, SnapshotAwaited
from quietway.ports import Put
from quietway_schemas.content.base import CaseContent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.ports import Row
    from quietway_schemas.content.base import ContentModel

STANDING: Final = "standing"
AWAITS_SECRET: Final = b"awaits secret"
AWAITS_SNAPSHOT: Final = b"awaits snapshot"
ROTATING: Final = b"rotating"
"""The agency's secret, from when it is on the disk until the keyring has it."""


@dataclass(slots=True)
class Standing:
    """What this device waits for.

    Attributes:
        awaits_secret: What the agency's lanes are made of is not here yet.
        awaits_snapshot: What the agency knows of its cases is not here yet.
    """

    awaits_secret: bool = False
    awaits_snapshot: bool = False

    @classmethod
    def restore(cls, rows: Iterable[Row]) -> Standing:
        """Bring back what the store holds."""
        keys = {row.key for row in rows}
        return cls(AWAITS_SECRET in keys, AWAITS_SNAPSHOT in keys)


def await_both() -> tuple[Put, ...]:
    """Give the rows of a device that was linked a moment ago."""
    return Put(STANDING, AWAITS_SECRET, b"1"), Put(STANDING, AWAITS_SNAPSHOT, b"1")


def check_secret(standing: Standing) -> None:
    """Refuse to invite while what invitations are made of is not here.

    Raises:
        SecretAwaited: Nothing was written.
    """
    if standing.awaits_secret:
        raise SecretAwaited


def check_snapshot(standing: Standing, content: ContentModel) -> None:
    """Refuse to speak of cases while what is known of them is not here.

    Raises:
        SnapshotAwaited: Nothing was written.
    """
    if standing.awaits_snapshot and isinstance(content, CaseContent):
        raise SnapshotAwaited

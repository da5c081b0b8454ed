"""The lanes this device may send through: one for each partner, from the partner's invitation.

A capability is derived for the week of the moment and shown to the relay, which keeps its hash and
a count. For the agency's own other devices the lane is the agency's own.

Spec: docs/spec/relay-protocol.md, "Submitting" and "The directory".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import UnknownPartner
from quietway.partners import PartnerRecord
from quietway_crypto.lanes import derive_capability, derive_lane
from quietway_crypto.secret import Secret
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import iso_week

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.keyring.keyring import Keyring
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

NORMAL: Final = "normal"


class LaneBook:
    """The partners of this agency, and the right to send to each."""

    def __init__(self, keyring: Keyring, partners: Mapping[AgencyId, PartnerRecord]) -> None:
        self._keyring = keyring
        self._partners = dict(partners)

    @classmethod
    def restore(cls, keyring: Keyring, rows: Iterable[Row]) -> LaneBook:
        """Bring back what the store holds."""
        return cls(keyring, {AgencyId(row.key): PartnerRecord.from_row(row) for row in rows})

    @property
    def partners(self) -> Mapping[AgencyId, PartnerRecord]:
        """By agency, in the order in which they were added."""
        return self._partners

    def add(self, record: PartnerRecord) -> None:
        """Take a partner in, or its newer invitation."""
        self._partners[record.invitation.agency_id] = record

    def capability(self, agency: AgencyId, now: Instant) -> bytes:
        """Derive what is shown to the relay to send to an agency this week.

        Raises:
            UnknownPartner: There is no invitation of theirs.
        """
        return derive_capability(self._lane(agency), iso_week(now), NORMAL)

    def _lane(self, agency: AgencyId) -> Secret:
        if agency == self._keyring.agency:
            return Secret(derive_lane(self._keyring.agency_secret, agency.value))
        record = self._partners.get(agency)
        if record is None:
            raise UnknownPartner(str(agency))
        return record.invitation.lane

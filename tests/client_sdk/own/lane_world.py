"""What opens which lanes: looked at as the relay sees it, for the tests of lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_crypto.lanes import derive_capability, derive_lane, hash_capability
from quietway_schemas.instants import DAY, SECOND, iso_week

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway_crypto.secret import Secret
    from quietway_schemas.ids import DeviceId

DAYS = DAY / SECOND


def secret_of(client: AsyncClient) -> Secret:
    """The agency's secret as one of its devices has it now."""
    return client._agent.keyring.agency_secret


def opens(
    agencies: Agencies,
    host: AsyncClient,
    name: DeviceId | bytes,
    *,
    secret: Secret | None = None,
    kind: str = "normal",
) -> bool:
    """Say whether a lane into the host's agency is open at the relay this week."""
    raw = name if isinstance(name, bytes) else name.value
    lane = derive_lane(secret or secret_of(host), raw)
    now = agencies.clock.now()
    shown = hash_capability(derive_capability(lane, iso_week(now), kind))
    return agencies.relay.books.opens_lane(host.agency_id, shown, now=now) == kind

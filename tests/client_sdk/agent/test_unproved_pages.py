"""A relay that showed a manifest without its proof once, and later the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway.witnessing.view import LogView

if TYPE_CHECKING:
    import pytest
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway_schemas.directory import DirectoryPage
    from quietway_schemas.ids import DeviceId


class _Altering:
    """A relay that leaves out the log's proofs of one page of the directory."""

    def __init__(self, relay: Any) -> None:
        self._relay = relay

    def __getattr__(self, name: str) -> Any:
        return getattr(self._relay, name)

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        page = await self._relay.directory(after, log_size=log_size)
        entries = tuple(entry.model_copy(update={"log": None}) for entry in page.entries)
        return page.model_copy(update={"entries": entries})


async def _revoke_behind_a_lie(agencies: Agencies) -> tuple[AsyncClient, DeviceId]:
    """Revoke a hospital's device while the relay lies to the shelter; then it lies no more."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    gone = await link(agencies, hospital, "a second machine")
    await settle(shelter)
    await hospital.devices.revoke(gone.device_id)
    honest = shelter._agent.relay
    shelter._agent.relay = _Altering(honest)
    assert [type(met).__name__ for met in (await shelter.sync()).problems] == ["DirectoryRefused"]
    shelter._agent.relay = honest
    await shelter.sync()
    return shelter, gone.device_id


def _list_devices(client: AsyncClient) -> set[DeviceId]:
    agent = client._agent
    (partner,) = agent.lanes.partners
    return {held.device for held in agent.directory.devices_of(partner)}


async def test_a_revocation_that_was_hidden_once_is_learnt_at_the_next_look(
    agencies: Agencies,
) -> None:
    shelter, gone = await _revoke_behind_a_lie(agencies)
    assert gone not in _list_devices(shelter)


async def test_control_where_the_cursor_goes_on_the_revocation_stays_hidden(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit = LogView.admit

    def admit_and_go_on(self: LogView, page: DirectoryPage, **given: Any) -> Any:
        through, refused = admit(self, page, **given)
        # Whoever goes on takes what was let through for all there was.
        object.__setattr__(page, "entries", through.entries)
        return through, refused

    without(monkeypatch, "quietway.witnessing.view:LogView.admit", admit_and_go_on)
    shelter, gone = await _revoke_behind_a_lie(agencies)
    assert gone in _list_devices(shelter)

"""Whom an alert is sealed for: never nobody where somebody is there, and never whoever left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.second_device import add_device, take_away

from quietway.oncall.reaching import find_tiers, judge_device
from quietway.oncall.tiers import fill_tiers
from quietway.testing.sandbox import Sandbox
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from tests.client_sdk.oncall.office import Office

    from quietway import Client
    from quietway.agent import Agent

LEAD = ("agency_lead", "on_call_lead")


def agent_of(client: Client) -> Agent:
    return client._client._agent


def ids(*numbers: int) -> tuple[DeviceId, ...]:
    return tuple(DeviceId(bytes([number]) * 16) for number in numbers)


def test_a_tier_without_anybody_has_those_of_the_next_one() -> None:
    filled = fill_tiers([ids(1), (), ids(3), ()])
    assert filled == (ids(1), ids(3), ids(3), ids(3))
    assert fill_tiers([(), (), (), ids(4)]) == (ids(4),) * 4
    assert fill_tiers([(), (), (), ()]) == ((),) * 4


def test_who_is_called_of_an_agency_without_a_rota_is_said_by_roles() -> None:
    with Sandbox(seed=1) as sandbox:
        shelter = sandbox.agency("HARBOR-SHELTER", roles=LEAD)
        hospital = sandbox.agency("MERCY-SOCIALWORK", roles=("hospital_social_worker",))
        sandbox.sync()
        now = sandbox.clock.now()
        of_shelter = find_tiers(agent_of(hospital), shelter.agency_id, now)
        assert of_shelter == ((shelter.device_id,),) * 4
        assert find_tiers(agent_of(shelter), hospital.agency_id, now) == ((),) * 4


def test_a_revoked_device_is_in_no_tier() -> None:
    with Sandbox(seed=2) as sandbox:
        shelter = sandbox.agency("HARBOR-SHELTER", roles=LEAD)
        host = agent_of(shelter)

        async def link_and_revoke() -> tuple[DeviceId, list[tuple[tuple[DeviceId, ...], ...]]]:
            other = await add_device(
                host,
                connect=sandbox.relay.connect,
                clock=sandbox.clock,
                entropy=sandbox._entropy,
            )
            await other.synchronise()
            await host.synchronise()
            now = sandbox.clock.now()
            seen = [find_tiers(host, shelter.agency_id, now)]
            await take_away(host, other.keyring.device)
            await host.synchronise()
            seen.append(find_tiers(host, shelter.agency_id, now))
            await other.aclose()
            return other.keyring.device, seen

        device, (before, after) = shelter._loop.run(link_and_revoke)
        assert device in before[0]
        assert after == ((shelter.device_id,),) * 4


async def test_what_is_the_matter_with_a_device_on_call_is_named(office: Office) -> None:
    host = office.first._agent
    agency, now = host.keyring.agency, office.clock.now()
    made = [
        await add_device(
            host,
            connect=office.relay.connect,
            clock=office.clock,
            entropy=office.entropy,
            roles=(role,),
        )
        for role in ("supervisor", "auditor")
    ]
    await host.synchronise()
    without_keys, without_role = (other.keyring.device for other in made)
    judged = [
        judge_device(host.directory, agency, device, now)
        for device in (office.second_id, without_keys, without_role, office.hospital.device_id)
    ]
    assert judged == [None, "without_keys", "without_role", "device_left"]
    # A supervisor without a live key is called only where nobody else is there.
    tiers = find_tiers(host, agency, now)
    assert all(without_keys not in tier for tier in tiers)
    for other in made:
        await other.aclose()

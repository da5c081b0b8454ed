"""The owner's device is revoked in the middle of a huddle, and a colleague's goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, ROLES, SHELTER, Huddle
from tests.second_device import add_device, take_away

from quietway.errors import ContentRefused
from quietway.faces.crises import AsyncCrises

if TYPE_CHECKING:
    from quietway.agent import Agent


def add_colleague(huddle: Huddle) -> Agent:
    """Give the shelter a second device, which may sign for the agency too."""
    shelter, sandbox = huddle.shelter, huddle.sandbox
    agent: Agent = shelter._loop.run(
        add_device,
        shelter._client._agent,
        connect=sandbox.relay.connect,
        clock=sandbox.clock,
        entropy=sandbox._entropy,
        holds_ops=True,
        roles=ROLES[SHELTER],
    )
    return agent


@pytest.mark.requirement("C49")
def test_a_colleague_goes_on_where_the_owners_device_is_revoked() -> None:
    """C49: the huddle outlives the device that opened it; the revoked one is told nothing more."""
    with Huddle(HOSPITAL, released=False) as huddle:
        colleague = add_colleague(huddle)
        loop, crises = huddle.shelter._loop, AsyncCrises(colleague)

        def sync() -> None:
            for _ in range(2):
                loop.run(colleague.synchronise)
                huddle.sandbox.sync()

        sync()
        # What was decided before a device was linked comes with its snapshot; this one saw it.
        huddle.release(huddle.partners[0])
        sync()
        huddle.open()
        hospital = huddle.partners[0]
        huddle.shelter.crises.invite(huddle.event, colleague.keyring.device)
        sync()
        assert len(huddle.show(hospital).members) == 3
        # As long as the owner is there, it is asked.
        with pytest.raises(ContentRefused, match="another device leads"):
            loop.run(crises.remove, huddle.event, hospital.agency_id)
        owner = huddle.shelter.device_id
        loop.run(take_away, colleague, owner)
        loop.run(colleague.synchronise)
        hospital.sync()
        huddle.say(hospital, "Is anybody there?")
        loop.run(crises.succeed, huddle.event)
        loop.run(colleague.synchronise)
        hospital.sync()
        shown = huddle.show(hospital)
        assert shown.owner is not None
        assert shown.owner.device == colleague.keyring.device
        assert owner not in shown.roles
        loop.run(crises.say, huddle.event, "I go on.")
        hospital.sync()
        assert huddle.texts(hospital) == ["Is anybody there?", "I go on."]
        loop.run(colleague.aclose)

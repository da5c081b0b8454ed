"""A drill within one agency: its own people are called, and each device keeps the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import SHELTER
from tests.second_device import add_device

from quietway import NobodyToCall
from quietway.alerting.claiming import claim_alert
from quietway.drilling.scores import list_scores
from quietway.faces.drills import AsyncDrills
from quietway.store.memory import MemoryStore

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies


@pytest.mark.requirement("A28")
async def test_an_agency_drills_alone_and_every_device_keeps_the_score(agencies: Agencies) -> None:
    """A28: regular drills; what they came to is kept apart from everything live."""
    shelter = await agencies.found(SHELTER)
    with pytest.raises(NobodyToCall):
        await shelter.drills.start("primary-silent")
    assert await shelter.drills.list() == []
    assert await shelter.cases.list() == []
    colleague = await add_device(
        shelter._agent,
        connect=agencies.relay.connect,
        clock=agencies.clock,
        entropy=agencies.entropy,
        store=MemoryStore(),
        roles=("on_call_lead",),
    )
    try:
        for _ in range(2):
            await shelter.sync()
            await colleague.synchronise()
        drill = await shelter.drills.start("primary-silent")
        await colleague.synchronise()
        await claim_alert(colleague, drill.alert_id)
        await shelter.sync()
        score = await shelter.drills.end(drill.drill_id)
        assert score.part("right_people").verdict == "met"
        assert score.part("claim").verdict == "met"
        await colleague.synchronise()
        (kept,) = await list_scores(colleague)
        assert (kept.scenario, kept.outcome) == ("primary-silent", "to_improve")
        assert await AsyncDrills(colleague).list() == []
        assert colleague.cases.list_opened(colleague.keyring.agency) == []
    finally:
        await colleague.aclose()

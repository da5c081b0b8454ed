"""Verify before broadcast: nobody else is told of an alert that only its raiser stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import POLICE, invite
from tests.client_sdk.alerting.led import Led, face_of_cases, make_led
from tests.controls import without

from quietway import ContentRefused, NotCorroborated, NotPermitted
from quietway.alerting.verifying import check_broadcast, check_broadcast_of_case
from quietway.faces.alerts import AsyncAlerts
from quietway.faces.status import AsyncStatus
from quietway.naming import find_alias
from quietway.speaking import find_partner, speak
from quietway_schemas.content.crisis import CrisisActivate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.client_sdk.agencies import Agencies

    from quietway import Sent
    from quietway.agent import Agent
    from quietway_schemas.ids import CaseRef


class Wide(Led):
    """The same, and a third agency that the hospital may be tempted to tell.

    Attributes:
        alert_id: What was raised and claimed by the hospital's primary.
        told: The case by the hospital's reference.
    """

    alert_id: bytes
    told: CaseRef

    async def widen(self) -> None:
        police = await self.agencies.found(POLICE, role="on_call_lead")
        hospital = self.lead_client
        await invite(police, hospital)
        await invite(hospital, police)
        for _ in range(2):
            await self.sync()
            await police.sync()
        self.alert_id = await self.raise_()
        await self.sync()
        await AsyncAlerts(self.lead).claim(self.alert_id)
        (held,) = await face_of_cases(self.lead).list()
        self.told = held.case_ref

    @property
    def lead(self) -> Agent:
        return self.leads[0]

    async def activate(self, *, alert_id: bytes | None, to: str = "CITYPD") -> Sent:
        """Say that the case is a crisis to another agency, as whoever forgot to ask would.

        Nobody recorded a release for it, so that policy refuses it as soon as the gate is open.
        """
        agent = self.lead
        agency = find_partner(agent, to).agency_id
        content = CrisisActivate(
            case_ref=await find_alias(agent, self.told, agency),
            event_id=b"e" * 16,
            criteria=("imminent_harm",),
            event_type="threat_escalation",
            mode="huddle_room",
            verify_state="unverified",
            lead=agent.keyring.agency,
            opener=agent.keyring.agency,
            opener_device=agent.keyring.device,
            nonce=b"n" * 16,
            parties=tuple(sorted((agent.keyring.agency, agency))),
            alert_id=alert_id,
            at=agent.clock.now(),
        )
        return await speak(agent, content, to=(agency,))

    async def alarm(self, code: str = "threat_unverified") -> Sent:
        return await AsyncStatus(self.lead).set(code, to="CITYPD", case_ref=self.told)


@pytest.fixture
async def wide(agencies: Agencies) -> AsyncIterator[Wide]:
    async with make_led(agencies, leads=3, kind=Wide) as made:
        assert isinstance(made, Wide)
        await made.widen()
        yield made


@pytest.mark.requirement("A43", "A45")
async def test_more_are_told_only_after_a_different_person_corroborated(wide: Wide) -> None:
    """A43: protect, not broadcast. A45: a broadcast needs a corroboration by somebody else."""
    for named in (wide.alert_id, None):
        with pytest.raises(NotCorroborated) as refused:
            await wide.activate(alert_id=named)
        assert refused.value.verification == "unverified"
    with pytest.raises(NotCorroborated):
        await wide.alarm()
    with pytest.raises(NotCorroborated):
        await check_broadcast(wide.lead, wide.alert_id)
    with pytest.raises(NotCorroborated):
        await check_broadcast_of_case(wide.lead, wide.told)
    # Who raised it is none that more are told by, and a quiet word about the case alarms nobody.
    with pytest.raises(NotPermitted):
        await wide.activate(alert_id=wide.alert_id, to="HARBOR")
    await wide.alarm("contact_pending")
    with pytest.raises(ContentRefused, match="raised on this device"):
        await AsyncAlerts(wide.shelter).verify(wide.alert_id, "survivor", "supports")
    await AsyncAlerts(wide.lead).verify(wide.alert_id, "trusted_contact", "supports")
    ground = await check_broadcast(wide.lead, wide.alert_id)
    assert ground.verification == "corroborated"
    with pytest.raises(NotPermitted):
        await wide.activate(alert_id=wide.alert_id)
    await wide.alarm()
    await wide.alarm("heightened_concern")
    kept = await AsyncAlerts(wide.lead).broadcasts(wide.alert_id)
    assert [(row.source_class, row.basis, row.second) for row in kept] == [
        ("trusted_contact", "", None)
    ] * 2
    assert {row.verified_by for row in kept} == {wide.lead.keyring.device}
    await wide.sync()
    assert (await AsyncAlerts(wide.shelter).show(wide.alert_id)).verification == "corroborated"


async def test_control_without_the_gate_one_voice_alarms_everybody(
    wide: Wide, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.alerting.verifying:_spreads", lambda _: False)
    with pytest.raises(NotPermitted):
        await wide.activate(alert_id=None)
    assert (await wide.alarm()).state == "stored_at_relay"


async def test_judgement_is_a_ground_once_a_second_person_stands_by_it(wide: Wide) -> None:
    primary, backup, _ = wide.leads
    judged = {"source_class": "record", "result": "supports", "basis": "professional_judgement"}
    await AsyncAlerts(primary).verify(wide.alert_id, **judged)
    await wide.sync()
    with pytest.raises(NotCorroborated):
        await wide.activate(alert_id=wide.alert_id)
    with pytest.raises(ContentRefused, match="somebody else"):
        await AsyncAlerts(primary).second(wide.alert_id)
    await AsyncAlerts(backup).second(wide.alert_id)
    await wide.sync()
    await wide.alarm()
    (kept,) = await AsyncAlerts(primary).broadcasts(wide.alert_id)
    assert (kept.basis, kept.second) == ("professional_judgement", backup.keyring.device)


async def test_what_a_source_contradicts_is_told_to_nobody_else(wide: Wide) -> None:
    await AsyncAlerts(wide.lead).verify(wide.alert_id, "record", "contradicts")
    with pytest.raises(NotCorroborated) as refused:
        await wide.activate(alert_id=wide.alert_id)
    assert refused.value.verification == "unfounded"
    # A later word about this case that is not of this alert is not held up by it.
    await wide.alarm("heightened_concern")

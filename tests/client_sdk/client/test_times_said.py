"""What has happened is not said to lie ahead (V03), whoever says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL
from tests.controls import without

from quietway import ContentRefused
from quietway.testing import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway import Client


@pytest.fixture
def said() -> Iterator[tuple[Sandbox, Client, str]]:
    with Sandbox(seed=3) as sandbox:
        shelter, hospital = sandbox.agency(SHELTER), sandbox.agency(HOSPITAL)
        ref = str(shelter.referrals.send("MERCY", **WHOLE_REFERRAL).referral_ref)
        sandbox.sync()
        hospital.referrals.acknowledge(ref)
        yield sandbox, hospital, ref


@pytest.mark.requirement("C39")
def test_v03_a_service_that_began_in_the_future_is_refused_before_anything_is_written(
    said: tuple[Sandbox, Client, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """C39: no future dates but what is due or scheduled."""
    _, hospital, ref = said
    waiting = len(hospital.outbox())
    with pytest.raises(ContentRefused, match="started") as refused:
        hospital.referrals.uptake(ref, "attending", started="2099-01")
    assert refused.value.field == "started"
    assert len(hospital.outbox()) == waiting
    # Control: without the rule it is said.
    without(monkeypatch, "quietway.speaking:check_times", lambda *_, **__: None)
    assert hospital.referrals.uptake(ref, "attending", started="2099-01").problem is None

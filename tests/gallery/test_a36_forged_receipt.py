"""Row 36: the relay says that an alert was taken, so that nobody calls any further.

The attacker is the relay. It answers that a ladder was claimed, stops it, releases no tier any
more, and puts words into the sender's mailbox that say "claimed" in the name of a device on call:
unsigned, signed by itself, or with the signature that came with another envelope. Defences: what
the relay answers is believed by nothing on the client; a claim is a message, signed by a certified
device of the agency that was called, and names its recipient. Without one the sender's alert is not
confirmed, and its dead-man timer alarms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import Agencies
from tests.client_sdk.alerting.on_call import OnCall, list_all
from tests.controls import without

from quietway.alerting.claiming import claim_alert
from quietway.alerting.listing import find_alert
from quietway.events import AlertUnanswered
from quietway.records import NOTICE
from quietway.sealing import derive_cancel_secret, digest_audience
from quietway_crypto.encoding import TAG_CANCEL, TAG_ENVELOPE, hash_tagged
from quietway_crypto.padding import pad
from quietway_crypto.seal import seal
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_crypto.suite_codes import Suite
from quietway_schemas.content.alert import AlertClaimed
from quietway_schemas.content.registry import encode_content
from quietway_schemas.envelope import Core, EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway import Event
    from quietway.views.alerts import Alert

LAST_TIER_SECONDS: Final = 600
FORGERIES: Final = ("unsigned", "signed by the relay", "signed for another envelope")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[OnCall]:
    async with Agencies(tmp_path) as agencies:
        made = await OnCall.make(agencies)
        yield made
        await made.close()


def _forge(world: OnCall, alert: Alert, how: str) -> SubmissionRecord:
    """Seal a claim in the name of the primary's device to the sender's, as whoever likes can."""
    lead, victim, flash = world.leads[0], world.shelter, EnvelopeClass.FLASH
    now = world.agencies.clock.now()
    header = Header(
        flash, 2, flash.epoch_of(now), victim.keyring.mailbox, EnvelopeId(b"forged envelope!")
    )
    claim = AlertClaimed(alert_id=alert.alert_id, at=now)
    core = Core(
        agency=lead.keyring.agency,
        device=lead.keyring.device,
        incarnation=b"forgery!",
        manifest_version=1,
        conversation=alert.conversation,
        audience_digest=digest_audience([lead.keyring.device, victim.keyring.device]),
        seq=0,
        prev=bytes(32),
        created=now,
        expires=now + HOUR,
        content=encode_content(claim),
    ).pack()
    said = victim.keyring.device.value + header.pack() + core
    other = Header(flash, 2, header.epoch, header.mailbox, EnvelopeId(b"genuine envelope"))
    genuine = victim.keyring.device.value + other.pack() + core
    signature = {
        "unsigned": bytes(64),
        "signed by the relay": SigningKey(Secret(b"r" * 32)).sign(TAG_ENVELOPE, said),
        "signed for another envelope": lead.keyring.identity.sign(TAG_ENVELOPE, genuine),
    }[how]
    pair = victim.keyring.epoch_pair(flash, header.epoch, 2)
    assert pair is not None
    suite = Suite(2)
    inner = pad(signature + core, flash.sealed_bytes - suite.seal_overhead)
    return SubmissionRecord(
        header, bytes(32), seal(suite, pair.public, inner, header=header.pack())
    )


def _hash(secret: bytes) -> bytes:
    return hash_tagged(TAG_CANCEL, secret)


async def _raise_watched(world: OnCall) -> tuple[bytes, list[Event]]:
    heard: list[Event] = []
    world.shelter.listeners.append(heard.append)
    alert_id, sent = await world.call(watched=True)
    assert sent.state == "stored_at_relay"
    await world.sync()
    return alert_id, heard


def _alarms(heard: list[Event]) -> list[str]:
    return [each.why for each in heard if isinstance(each, AlertUnanswered)]


@pytest.mark.requirement("A44")
@pytest.mark.parametrize("how", FORGERIES)
async def test_a_claim_that_nobody_signed_stops_nothing(world: OnCall, how: str) -> None:
    """A44: whether somebody has an alert, their signed word alone tells."""
    alert_id, heard = await _raise_watched(world)
    relay = world.agencies.relay
    # It stops the ladder: no tier is released any more, and whoever asks is told that all is well.
    relay.holds._ladders.clear()
    forged = _forge(world, await find_alert(world.shelter, alert_id), how)
    relay._mailbox(forged.header.mailbox).add(forged, now=relay.clock.now())
    await world.sync()
    alert = await find_alert(world.shelter, alert_id)
    assert (alert.state, alert.confirmed, alert.claims) == ("raised", False, ())
    assert len(await world.shelter.store.scan(NOTICE)) == 1
    world.agencies.clock.advance(LAST_TIER_SECONDS)
    await world.shelter.watch.look()
    alert = await find_alert(world.shelter, alert_id)
    assert (alert.state, alert.confirmed) == ("unanswered", False)
    assert _alarms(heard) == ["not_claimed"]


async def test_control_without_signatures_the_relay_silences_an_alert(
    world: OnCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:verify_author", lambda *_: None)
    alert_id, heard = await _raise_watched(world)
    relay = world.agencies.relay
    forged = _forge(world, await find_alert(world.shelter, alert_id), "unsigned")
    relay._mailbox(forged.header.mailbox).add(forged, now=relay.clock.now())
    await world.sync()
    assert (await find_alert(world.shelter, alert_id)).confirmed
    world.agencies.clock.advance(LAST_TIER_SECONDS)
    await world.shelter.watch.look()
    assert _alarms(heard) == []


async def test_what_the_relay_answers_to_a_claim_is_told_to_nobody(world: OnCall) -> None:
    # The relay takes the claim and delivers none of its words: nobody is told that it is taken.
    alert_id, heard = await _raise_watched(world)
    world.leads[0].relay = _Swallowing(world.leads[0].relay)  # type: ignore[assignment]  # two methods
    assert (await claim_alert(world.leads[0], alert_id)).state == "stored_at_relay"
    world.agencies.clock.advance(LAST_TIER_SECONDS)
    await world.sync()
    await world.shelter.watch.look()
    assert (await find_alert(world.shelter, alert_id)).state == "unanswered"
    assert _alarms(heard) == ["not_claimed"]
    # And every tier was called: whoever was told nothing calls their human.
    assert [len(await list_all(lead)) for lead in world.leads] == [2, 1, 1]


class _Swallowing:
    """A relay that says yes to all that is said, and keeps nothing."""

    def __init__(self, relay: object) -> None:
        self._relay = relay

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)

    async def submit(self, *_: object) -> None:
        return None

    async def claim_hold(self, *_: object) -> bool:
        return True


async def test_the_secret_of_a_ladder_is_known_to_who_opened_its_envelope_alone(
    world: OnCall,
) -> None:
    _, _ = await _raise_watched(world)
    relay = world.agencies.relay
    (message,) = await list_all(world.leads[0])
    ladder = next(iter(relay.holds._ladders.values()))
    hashes = {known for tier in ladder.tiers for known in tier.places.values()}
    held = b"".join(relay.envelopes_held()) + ladder.body
    assert message.cancel_secret not in held
    assert len(hashes) == len(world.leads)
    # From what the relay has no secret follows: neither from a hash, nor from what is sealed.
    tries = [*hashes, *(derive_cancel_secret(known) for known in hashes), bytes(32)]
    assert not any(ladder.knows(_hash(secret)) for secret in tries)
    assert ladder.knows(_hash(message.cancel_secret))

"""F14: the relay is down while tiers become due; with its next start each goes once, and soon.

A trial is one ladder of four tiers, the first of which goes at once. Some ladders are placed, the
relay is killed, and started again after none, some or all of their deadlines. Each alert must have
arrived once, never before its time, and what was overdue within three seconds of the line that says
ready.

The control is a relay with its timers in memory: it forgets what came before its start.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.counts import IS_ALONE, divide, trials
from tests.faults.verdict import rank
from tests.journeys.conftest import enroll
from tests.relay_process import PRODUCT, RelayProcess, hold_port
from tests.server.agency import CLIENT, PARTNER, join, now_ms
from tests.server.ladders import Sealer

from quietway_crypto.encoding import encode_base64
from quietway_schemas.frames import EnvelopeFrame
from quietway_schemas.instants import SECOND
from quietway_server.api.bodies import LADDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.counts import Campaign
    from tests.server.agency import Agency
    from tests.server.ladders import Sealed

_EACH_KILL: Final = 8
LATEST_SECONDS: Final = 5
"""The last tier that a ladder may have, so that a trial is short."""
SOON_SECONDS: Final = 3.0
_PATIENCE_SECONDS: Final = 20.0
_OPTIONS: Final = {"lane_crisis_envelopes": "1000000000", "mailbox_envelopes": "1000000000"}


@dataclass
class Verdict:
    """What came of some trials."""

    overdue: int = 0
    alerts: int = 0
    missing: int = 0
    doubled: int = 0
    early: int = 0
    late: list[float] = field(default_factory=list)

    def figures(self, ladders: int) -> str:
        """Write it down in one line."""
        worst = rank(self.late, 1) if self.late else 0.0
        return (
            f"{ladders} ladders over a kill: {self.alerts} alerts, {self.overdue} of them overdue "
            f"when the relay was ready again, the last {worst:.2f} s after that; "
            f"{self.missing} missing, {self.doubled} doubled, {self.early} early"
        )


@pytest.mark.requirement("C44")
@pytest.mark.parametrize("campaign", divide(trials("F14"), most=_EACH_KILL), ids=str)
def test_what_became_due_while_the_relay_was_down_goes_once_and_soon(
    folder: Path, campaign: Campaign, report: Callable[[str], None]
) -> None:
    """C44: the timers of a notification sequence stand in the relay's database."""
    verdict = _run(folder, campaign)
    report(verdict.figures(campaign.kills))
    assert verdict.alerts == campaign.kills * 4
    broken = (verdict.missing, verdict.doubled, verdict.early)
    assert broken == (0, 0, 0), verdict.figures(campaign.kills)
    # A shared machine's clock says more of the others than of the relay.
    if IS_ALONE and verdict.late:
        assert rank(verdict.late, 1) <= SOON_SECONDS, verdict.figures(campaign.kills)


def test_control_timers_in_memory_are_found_out(
    folder: Path, report: Callable[[str], None]
) -> None:
    campaign = divide(2)[0]
    verdict = _run(folder, campaign, module="tests.faults.timers_in_memory", patience=4.0)
    report(verdict.figures(campaign.kills))
    assert verdict.missing > 0, verdict.figures(campaign.kills)


def _run(
    folder: Path,
    campaign: Campaign,
    *,
    module: str = PRODUCT,
    patience: float = _PATIENCE_SECONDS,
) -> Verdict:
    moments = Random(campaign.seed)
    with RelayProcess(folder / "relay", options=_OPTIONS) as relay:
        agency = join(relay.url, enroll(relay), campaign.seed)
        if module != PRODUCT:
            _restart(relay, module=module)
        placed = [(now_ms(), _place(agency, moments)) for _ in range(campaign.kills)]
        # Somewhere between before the first deadline and after the last.
        _restart(relay, module=module, after_seconds=moments.uniform(0, LATEST_SECONDS))
        ready = now_ms()
        wanted = sum(len(names) for _, sealed in placed for names in sealed.names)
        return _judge(placed, _read(agency, wanted, patience), ready=ready)


def _restart(relay: RelayProcess, *, module: str, after_seconds: float = 0.0) -> None:
    relay.kill()
    with hold_port(relay.port):
        time.sleep(after_seconds)
        relay.module = module
        relay.start()


def _place(agency: Agency, moments: Random) -> Sealed:
    sealer = Sealer(moments.getrandbits(32), epoch=agency.record().header.epoch)
    dues = [0, *sorted(moments.sample(range(1, LATEST_SECONDS + 1), 3))]
    sealed = sealer.ladder(dict.fromkeys(dues, (agency.mailbox.value,)))
    lane = encode_base64(agency.capability_for(PARTNER, kind="crisis"))
    answer = CLIENT.put(
        f"{agency.url}/v1/holds/{encode_base64(sealed.hold)}",
        content=sealed.body,
        headers={"Content-Type": LADDER, "Quietway-Lane": lane},
    )
    assert answer.status_code == 201, answer.text
    return sealed


def _read(agency: Agency, wanted: int, patience: float) -> list[tuple[bytes, int]]:
    """Give what arrives, and when, until nothing came for a while."""
    arrived: list[tuple[bytes, int]] = []
    with agency.open_socket() as socket:
        agency.greet(socket)
        try:
            # One more than there should be: whatever came twice is seen too.
            while True:
                frame = socket.recv(timeout=1.5 if len(arrived) >= wanted else patience)
                envelope = EnvelopeFrame.unpack(bytes(frame))  # type: ignore[arg-type]  # envelopes are binary
                arrived.append((envelope.header.envelope_id.value, now_ms()))
                socket.send(json.dumps({"frame": "ack", "through": envelope.seq}))
        except TimeoutError:
            return arrived


def _judge(
    placed: list[tuple[int, Sealed]], arrived: list[tuple[bytes, int]], *, ready: int
) -> Verdict:
    verdict = Verdict()
    for began, sealed in placed:
        for tier, names in zip(sealed.ladder.tiers, sealed.names, strict=True):
            times = [at for name, at in arrived if name == names[0]]
            due = began + tier.due * SECOND
            verdict.alerts += 1
            verdict.missing += not times
            verdict.doubled += len(times) > 1
            verdict.early += any(at < due for at in times)
            if due <= ready and tier.due:
                verdict.overdue += 1
                verdict.late += [(at - ready) / SECOND for at in times]
    return verdict

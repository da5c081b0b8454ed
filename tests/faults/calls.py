"""Ladders without an end: one after the other is placed, and every second one is claimed.

A ladder has a tier that goes at once and one a second later. What was accepted of them is noted
with everything else, to be looked for afterwards.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tests.faults.line import AGAIN_SECONDS, line_to
from tests.server.agency import PARTNER
from tests.server.ladders import Sealer

from quietway_crypto.encoding import encode_base64
from quietway_server.api.bodies import CLAIM, LADDER

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.flood import Tally
    from tests.server.agency import Agency

DUES: Final = (0, 1)


async def call_on(agency: Agency, tally: Tally, answers: Counter[str], seed: int) -> None:
    """Place and claim ladders for ever; count what was answered."""
    sealer = Sealer(seed, epoch=agency.record().header.epoch)
    mailbox = agency.mailbox.value
    lane = encode_base64(agency.capability_for(PARTNER, kind="crisis"))
    async with line_to(int(agency.url.rpartition(":")[2])) as line:
        while True:
            sealed = sealer.ladder(dict.fromkeys(DUES, (mailbox,)))
            path = f"/v1/holds/{encode_base64(sealed.hold)}"
            headers = {"Content-Type": LADDER, "Quietway-Lane": lane}
            status, _ = await line.ask("PUT", path, headers, sealed.body)
            answers[f"placed: {status}"] += 1
            if status == 201:
                tally.accepted.update((mailbox, name) for names in sealed.names for name in names)
            if answers["placed: 201"] % 2:
                claim = sealer.claim(sealed.secrets[0], mailbox).pack()
                status, _ = await line.ask("POST", f"{path}/claim", {"Content-Type": CLAIM}, claim)
                answers[f"claimed: {status}"] += 1
            await asyncio.sleep(AGAIN_SECONDS)

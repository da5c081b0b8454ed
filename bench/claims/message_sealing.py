"""How long sealing one message to 1, 20 and 100 devices takes, each suite beside its primitive.

Unlike `sealing`, this is the whole way: header, signature, padding, seal, withdraw hash. The
signature is made anew for each device, because it names the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.claim import Claim
from bench.message_sealing import MessageSealing

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.claim import Seen
    from bench.message_sealing import MessageTimes

FEW, SOME, MANY = MessageSealing(1), MessageSealing(20), MessageSealing(100)


def _read(work: MessageSealing, pick: Callable[[MessageTimes], float]) -> Callable[[Seen], float]:
    return lambda seen: pick(seen[work])


def _name(work: MessageSealing) -> str:
    return f"{work.devices} device" + ("" if work.devices == 1 else "s")


BOXES = tuple(
    Claim(
        name=f"message-box-{work.devices}",
        title=f"one message to {_name(work)}, sealed-box suite / C loop over libsodium",
        unit="us/device",
        needs=(work,),
        value=_read(work, lambda times: times.box),
        peer=_read(work, lambda times: times.loop),
        floor=2.5,
        goal=1.5,
        lower_is_better=True,
    )
    for work in (FEW, SOME, MANY)
)
HYBRIDS = tuple(
    Claim(
        name=f"message-hybrid-{work.devices}",
        title=f"one message to {_name(work)}, hybrid suite / bare HPKE",
        unit="us/device",
        needs=(work,),
        value=_read(work, lambda times: times.hybrid),
        peer=_read(work, lambda times: times.hpke),
        floor=2,
        goal=1.3,
        lower_is_better=True,
    )
    for work in (FEW, SOME, MANY)
)

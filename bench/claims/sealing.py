"""How long sealing one message to 100 devices takes, beside a C loop over libsodium's sealed boxes.

The peer is the same for both suites: what the hybrid costs more is the price of withstanding a
quantum computer.
"""

from bench.claim import Claim
from bench.sealing import Sealing

ALL = Sealing()

BOX = Claim(
    name="sealing-box",
    title="sealing to 100 devices, sealed-box suite / C loop over libsodium",
    unit="us/device",
    needs=(ALL,),
    value=lambda seen: seen[ALL].box,
    peer=lambda seen: seen[ALL].loop,
    floor=1.1,
    goal=0.9,
    lower_is_better=True,
)
HYBRID = Claim(
    name="sealing-hybrid",
    title="sealing to 100 devices, hybrid suite / C loop over libsodium sealed boxes",
    unit="us/device",
    needs=(ALL,),
    value=lambda seen: seen[ALL].hybrid,
    peer=lambda seen: seen[ALL].loop,
    floor=2.2,
    goal=1.6,
    lower_is_better=True,
)

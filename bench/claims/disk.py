"""What an envelope takes on the disk, beside its own sealed bytes.

Over 100,000 stored envelopes, while the relay runs, with the database's log and all its indices;
the reserve that a relay keeps for a full disk is not counted.
"""

from bench.claim import Claim
from bench.filling import Storing

from quietway_schemas.envelope import EnvelopeClass

OURS = Storing()

CLAIM = Claim(
    name="disk",
    title="disk per envelope / its sealed bytes",
    unit="bytes",
    needs=(OURS,),
    value=lambda seen: seen[OURS],
    peer=lambda _: EnvelopeClass.FLASH.sealed_bytes,
    floor=1.5,
    goal=1.1,
    lower_is_better=True,
)

"""How long opening an envelope takes, content and all, each suite beside its primitive."""

from bench.claim import Claim
from bench.message_opening import MessageOpening

OPENING = MessageOpening()

BOX = Claim(
    name="opening-box",
    title="opening an envelope, sealed-box suite / bare sealed box",
    unit="us",
    needs=(OPENING,),
    value=lambda seen: seen[OPENING].box,
    peer=lambda seen: seen[OPENING].bare_box,
    floor=10,
    goal=5,
    lower_is_better=True,
)
HYBRID = Claim(
    name="opening-hybrid",
    title="opening an envelope, hybrid suite / bare HPKE",
    unit="us",
    needs=(OPENING,),
    value=lambda seen: seen[OPENING].hybrid,
    peer=lambda seen: seen[OPENING].hpke,
    floor=8,
    goal=4,
    lower_is_better=True,
)

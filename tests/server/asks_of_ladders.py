"""What each caller asks of a ladder that is held, and of one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.server.agency import CLIENT, PARTNER
from tests.server.asks import ALLOWED, NOTHING, Ask, mailbox_of
from tests.server.ladders import Sealer

from quietway_crypto.encoding import encode_base64
from quietway_server.api.bodies import CLAIM, LADDER

if TYPE_CHECKING:
    from tests.server.ladders import Sealed
    from tests.server.strangers import Caller, World


def _ladder(world: World) -> Sealed:
    """Give the one ladder that is held, placing it at first."""
    if world.ladder is None:
        sealer = Sealer(46)
        later = sealer.ladder({7_200: (world.harbor.mailbox.value,)})
        headers = {
            "Content-Type": LADDER,
            "Quietway-Lane": encode_base64(world.harbor.capability_for(PARTNER, kind="crisis")),
        }
        address = f"{world.relay.url}/v1/holds/{encode_base64(later.hold)}"
        assert CLIENT.put(address, content=later.body, headers=headers).status_code == 201
        world.ladder = (sealer, later)
    return world.ladder[1]


def _hold_target(world: World, what: str, tail: str = "") -> str:
    held = _ladder(world)
    blob = encode_base64(world.draw(16) if what in {"absent", "deleted", "expired"} else held.hold)
    return f"/v1/holds/{'nonsense' if what == 'malformed' else blob}{tail}"


def place(world: World, caller: Caller, what: str) -> Ask:
    held = _ladder(world)
    sealer = world.ladder[0]
    lanes = {
        "sender": world.harbor.capability_for(PARTNER, kind="crisis"),
        "sender to another": world.willow.capability_for(PARTNER, kind="crisis"),
        # The other kind, which alarms may use where theirs is spent.
        "sender of no kind": world.harbor.capability_for(PARTNER),
    }
    headers = {
        "Content-Type": LADDER,
        "Quietway-Lane": encode_base64(lanes.get(caller.name, caller.lane)),
    }
    to = mailbox_of(world, caller, what if what != "absent" else "own")
    body = held.body if what == "own" else sealer.ladder({7_200: (to.value,)}).body
    return Ask("PUT", _hold_target(world, what), headers, body)


def claim(world: World, caller: Caller, what: str) -> Ask:
    held = _ladder(world)
    sealer = world.ladder[0]
    # Of what is not there, everybody shows the right secret: it is of no use.
    knows = caller.name == "sender" or what in {"absent", "deleted", "expired"}
    secret = held.secrets[0] if knows and what != "other" else world.draw(32)
    body = sealer.claim(secret, world.harbor.mailbox.value).pack()
    return Ask("POST", _hold_target(world, what, "/claim"), {"Content-Type": CLAIM}, body)


def expect_place(caller: str, what: str) -> str:
    # Whoever has every byte of a ladder and its id already is answered as its sender was, also
    # when its lane is over; and where the crisis lane is spent, alarms go through the normal one.
    has_lane = caller in {"sender", "sender of no kind"}
    if what == "own" or (has_lane and what == "absent"):
        return ALLOWED
    if (caller, what) == ("sender to another", "other"):
        return "conflict"
    return "not_found" if what == "malformed" else NOTHING

"""What each caller may do with each object at each address: one row of expectations an operation.

The cells are operations x callers x objects. A row says how to ask, and which cells do not look
like "nothing there": those that are allowed, and those that are refused for another reason, which
the spec gives. An operation without a row fails the test, so a new address brings its row.

Spec: docs/spec/relay-protocol.md, "One answer for what is not yours".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.server.agency import ENVELOPES
from tests.server.asks import ALLOWED, NOTHING, Ask, Batch, Row, mailbox_of, reading
from tests.server.asks_of_blobs import ask_for_blob, expect_blob, expect_upload
from tests.server.asks_of_ladders import claim, expect_place, place
from tests.server.asks_of_objects import (
    expect_manifest,
    expect_object,
    put_object,
    write_epochs,
    write_lanes,
    write_manifest,
)
from tests.server.strangers import OBJECTS

from quietway_crypto.encoding import encode_base64
from quietway_schemas.ids import MailboxId
from quietway_schemas.withdrawal import Slip
from quietway_server.api.bodies import WITHDRAWALS

if TYPE_CHECKING:
    from tests.server.strangers import Caller, World

UPGRADE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
}
DEVICES: Final = frozenset({"owner", "colleague", "neighbour"})
READERS: Final = DEVICES | {"removed", "root"}


def _records(world: World, caller: Caller, what: str) -> bytes:
    whole = world.harbor.record(to=mailbox_of(world, caller, what)).pack()
    return whole[:-1] if what == "malformed" else whole


def _submit(world: World, caller: Caller, what: str) -> Ask:
    headers = {"Content-Type": ENVELOPES, "Quietway-Lane": encode_base64(caller.lane)}
    return Ask("POST", "/v1/envelopes", headers, _records(world, caller, what))


def _expect_submission(caller: str, what: str) -> str:
    if what == "malformed":
        return "malformed_record"
    is_open = (caller, what) in {("sender", "own"), ("sender to another", "other")}
    return ALLOWED if is_open else NOTHING


def _withdraw(world: World, caller: Caller, what: str) -> Ask:
    named = {
        "own": world.slips["own"],
        "other": world.slips["other"],
        "deleted": world.slips["deleted"],
        "expired": world.revoked_slip,
    }.get(what, Slip(MailboxId(world.draw(16)), caller.slip.envelope_id, world.draw(32)))
    # Of what is gone, everybody shows the right preimage: it is of no use any more.
    knows = what in {"deleted", "expired"}
    slip = replace(named, preimage=named.preimage if knows else caller.slip.preimage)
    body = slip.pack()[:-1] if what == "malformed" else slip.pack()
    return Ask("POST", "/v1/envelopes/withdraw", {"Content-Type": WITHDRAWALS}, body)


_HELLO: Final[dict[str, object]] = {
    "frame": "hello",
    "after": 0,
    "witness_now": "AAAAAAAAAAAAAAAAAAAAAA",
}
ROWS: Final[dict[tuple[str, str], tuple[Row, ...]]] = {
    ("get", "/healthz"): (Row(lambda *_: Ask("GET", "/healthz"), lambda *_: ALLOWED, hides=False),),
    ("get", "/v1/mailbox"): (
        reading("GET", "/v1/mailbox?after=0", DEVICES),
        reading("GET", "/v1/mailbox", DEVICES | {"listener"}, headers=UPGRADE),
    ),
    ("post", "/v1/mailbox/hello"): (reading("POST", "/v1/mailbox/hello", DEVICES, frame=_HELLO),),
    ("post", "/v1/mailbox/ack"): (
        reading("POST", "/v1/mailbox/ack", DEVICES, frame={"frame": "ack", "seqs": [2**40]}),
    ),
    ("get", "/v1/directory"): (reading("GET", "/v1/directory?after=0", READERS),),
    ("get", "/v1/log/checkpoint"): (reading("GET", "/v1/log/checkpoint", READERS),),
    ("get", "/v1/log/consistency"): (reading("GET", "/v1/log/consistency?from=1&to=2", READERS),),
    ("get", "/v1/log/leaves"): (reading("GET", "/v1/log/leaves?after=0", READERS),),
    ("post", "/v1/envelopes"): (Row(_submit, _expect_submission),),
    ("get", "/v1/submit"): (
        Row(
            lambda world, caller, what: Batch(caller.lane, _records(world, caller, what)),
            _expect_submission,
        ),
    ),
    ("post", "/v1/envelopes/withdraw"): (Row(_withdraw, _expect_submission),),
    ("put", "/v1/wake"): (reading("PUT", "/v1/wake", DEVICES, frame={"endpoints": []}),),
    ("put", "/v1/holds/{id}"): (Row(place, expect_place),),
    ("post", "/v1/holds/{id}/claim"): (
        Row(claim, lambda who, what: ALLOWED if (who, what) == ("sender", "own") else NOTHING),
    ),
    ("put", "/v1/blobs/{id}"): (Row(ask_for_blob("PUT"), expect_upload),),
    ("head", "/v1/blobs/{id}"): (Row(ask_for_blob("HEAD"), expect_blob),),
    ("get", "/v1/blobs/{id}"): (Row(ask_for_blob("GET"), expect_blob),),
    ("delete", "/v1/blobs/{id}"): (Row(ask_for_blob("DELETE"), expect_blob),),
    ("put", "/v1/agencies/{agency}/manifest"): (
        Row(
            put_object("/v1/agencies/{}/manifest", write_manifest),
            expect_manifest,
            ("nobody", "other"),
        ),
    ),
    ("put", "/v1/agencies/{agency}/epochs"): (
        Row(
            put_object("/v1/agencies/{}/epochs", write_epochs),
            expect_object("owner", malformed="not_found"),
        ),
    ),
    ("put", "/v1/lanes/{week}"): (
        Row(
            put_object("/v1/lanes/{}", write_lanes),
            expect_object("owner", malformed="invalid_field", expired="invalid_field"),
        ),
    ),
}
"""By method and path, as the OpenAPI document has them."""


def cells(world: World) -> list[tuple[Caller, str]]:
    """Give every pair of a caller and an object."""
    return [(caller, what) for caller in world.callers.values() for what in OBJECTS]

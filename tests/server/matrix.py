"""What each caller may do with each object at each address: one row of expectations an operation.

The cells are operations x callers x objects. A row says how to ask, and which cells do not look
like "nothing there": those that are allowed, and those that are refused for another reason, which
the spec gives. An operation without a row fails the test, so a new address brings its row.

Spec: docs/spec/relay-protocol.md, "One answer for what is not yours".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tests.server.agency import CLIENT, ENVELOPES, JSON, PARTNER, now_ms
from tests.server.ladders import Sealer
from tests.server.strangers import OBJECTS, ROW
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from quietway_crypto.blob_rights import hash_opening
from quietway_crypto.encoding import encode_base64
from quietway_protocol.request_signature import sign_request
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.ids import AgencyId, DeviceId, MailboxId
from quietway_schemas.instants import DAY, HOUR, WEEK, iso_week
from quietway_schemas.withdrawal import Slip
from quietway_server.api.bodies import CLAIM, LADDER, OCTETS, WITHDRAWALS

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from tests.server.ladders import Sealed
    from tests.server.strangers import Caller, World

    from quietway_schemas.directory import SignedObject

ALLOWED: Final = "allowed"
NOTHING: Final = "nothing there"
UPGRADE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
}
_DEVICES: Final = frozenset({"owner", "colleague", "neighbour"})
_READERS: Final = _DEVICES | {"removed", "root"}
_LANES: Final = frozenset({"sender", "sender to another"})


@dataclass(frozen=True)
class Answer:
    """All that a caller is told, apart from the time."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def code(self) -> str:
        """The problem, or nothing."""
        if self.status < 400 or not self.body.startswith(b"{"):
            return ""
        return str(json.loads(self.body)["type"]).removeprefix("urn:quietway:problem:")


@dataclass(frozen=True)
class Ask:
    """A request before it is sent."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def send(self, world: World) -> Answer:
        """Send it, and read the answer."""
        answer = CLIENT.request(
            self.method, world.relay.url + self.target, headers=self.headers, content=self.body
        )
        return read_answer(answer)


@dataclass(frozen=True)
class Row:
    """What is expected at one operation.

    Attributes:
        ask: Writes the request of a caller for an object; the answer may be of a socket.
        expect: Gives `ALLOWED`, `NOTHING`, or the code of another refusal.
        nothing: The cell of which it is known that nothing is there.
        hides: Whether there is anything to hide.
    """

    ask: Callable[[World, Caller, str], Ask | Batch]
    expect: Callable[[str, str], str]
    nothing: tuple[str, str] = ("nobody", "absent")
    hides: bool = True


def read_answer(answer: httpx.Response) -> Answer:
    """Keep of an answer what does not change with the time."""
    headers = tuple(item for item in answer.headers.multi_items() if item[0] != "date")
    return Answer(answer.status_code, headers, answer.content)


def other_than(world: World, caller: Caller) -> Caller:
    """Give whoever owns what is another's for this caller."""
    is_neighbour = caller.agency == world.willow.agency_id
    return world.find("owner" if is_neighbour else "neighbour")


def signed(
    world: World, caller: Caller, what: str, method: str, target: str, **more: Any
) -> dict[str, str]:
    """Sign a request with the caller's key, in the name of whoever the object belongs to."""
    prefix = caller.key_id.partition(":")[0] + ":" if ":" in caller.key_id else ""
    if prefix == "root:":
        foreign, unknown = str(other_than(world, caller).agency), str(AgencyId(world.draw(16)))
    else:
        foreign, unknown = other_than(world, caller).key_id, str(DeviceId(world.draw(16)))
    names = {
        "own": caller.key_id,
        "expired": caller.key_id,
        "other": prefix + foreign,
        "absent": prefix + unknown,
        "malformed": prefix + "dev_'; DROP TABLE devices; --",
        "deleted": str(world.devices["revoked"]),
    }
    if not names[what]:
        return {}
    age = 3 * HOUR if what == "expired" else 0
    return sign_request(
        method=method,
        url=world.relay.url + target,
        body=more.get("body"),
        key=caller.key,
        key_id=names[what],
        created=(now_ms() - age) // 1000,
        nonce=encode_base64(world.draw(16)),
    )


def _reading(
    method: str,
    target: str,
    allowed: frozenset[str],
    *,
    frame: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Row:
    """Expect of a signed request: who may read is let in under their own name, and nobody else."""
    body = None if frame is None else encode_canonical(frame)
    shown = {**(headers or {}), **({} if body is None else {"Content-Type": JSON})}

    def ask(world: World, caller: Caller, what: str) -> Ask:
        signature = signed(world, caller, what, method, target, body=body)
        return Ask(method, target, {**shown, **signature}, body)

    def expect(caller: str, what: str) -> str:
        if caller in allowed and what == "own":
            return ALLOWED
        # Whoever signs with a key that is known, even one that is of no use here, is told its time.
        known = allowed | {"listener", "root"}
        return "clock_skew" if caller in known and what == "expired" else NOTHING

    return Row(ask, expect)


def _mailbox_of(world: World, caller: Caller, what: str) -> MailboxId:
    del caller
    return {
        "own": world.harbor.mailbox,
        "other": world.willow.mailbox,
        "deleted": world.mailboxes["revoked"],
        "expired": world.gone.mailbox,
    }.get(what) or MailboxId(world.draw(16))


def _records(world: World, caller: Caller, what: str) -> bytes:
    whole = world.harbor.record(to=_mailbox_of(world, caller, what)).pack()
    return whole[:-1] if what == "malformed" else whole


def _submit(world: World, caller: Caller, what: str) -> Ask:
    headers = {"Content-Type": ENVELOPES, "Quietway-Lane": encode_base64(caller.lane)}
    return Ask("POST", "/v1/envelopes", headers, _records(world, caller, what))


def _expect_submission(caller: str, what: str) -> str:
    if what == "malformed":
        return "malformed_record"
    is_open = (caller, what) in {("sender", "own"), ("sender to another", "other")}
    return ALLOWED if is_open else NOTHING


@dataclass(frozen=True)
class Batch:
    """A batch on a submitting socket: the answer is the frame that judges it."""

    lane: bytes
    records: bytes

    def send(self, world: World) -> Answer:
        """Open a socket, send, and read one frame."""
        try:
            with connect(
                "ws" + world.relay.url.removeprefix("http") + "/v1/submit",
                additional_headers={"Quietway-Lane": encode_base64(self.lane)},
                compression=None,
                proxy=None,
            ) as socket:
                socket.send(self.records)
                frame = str(socket.recv(timeout=10))
        except InvalidStatus as refused:
            return Answer(refused.response.status_code, (), refused.response.body or b"")
        told = json.loads(frame)
        if told["frame"] == "accepted":
            return Answer(101, (), frame.encode())
        told["type"] = told.pop("problem")
        return Answer(400, (), json.dumps(told).encode())


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


def _blob(method: str) -> Callable[[World, Caller, str], Ask]:
    def ask(world: World, caller: Caller, what: str) -> Ask:
        second, main = world.files["second"], world.files["main"]
        has_one = caller.name in {"sender", "reader of another file"}
        mine = caller.file if has_one else main
        others = second if caller.name == "sender" else main
        held = {
            "own": mine,
            "other": others,
            "deleted": world.files["deleted"],
            "expired": world.files["expired"],
        }.get(what)
        # Of what is gone, everybody shows the right secrets: they are of no use any more.
        secrets = held if held is not None and what in {"deleted", "expired"} else caller.file
        blob = "'; DROP TABLE blobs; --" if what == "malformed" else ""
        target = "/v1/blobs/" + (blob or encode_base64(held.blob if held else world.draw(16)))
        if method == "GET":
            return Ask(method, target, {"Quietway-Blob-Opening": encode_base64(secrets.opening)})
        headers = {"Quietway-Blob-Writer": encode_base64(secrets.writer)}
        if method != "PUT":
            return Ask(method, target, headers)
        headers |= {
            "Content-Type": OCTETS,
            "Content-Range": f"bytes 0-{ROW - 1}/{ROW}",
            "Quietway-Lane": encode_base64(caller.lane),
            "Quietway-Blob": encode_base64(hash_opening(secrets.opening)),
        }
        return Ask(method, target, headers, bytes(ROW))

    return ask


def _expect_blob(caller: str, what: str) -> str:
    has_one = caller in {"sender", "reader of another file"}
    return ALLOWED if has_one and what == "own" else NOTHING


def _expect_upload(caller: str, what: str) -> str:
    if caller not in _LANES or what == "malformed":
        return NOTHING
    if what == "absent" or (caller, what) == ("sender", "own"):
        return ALLOWED
    return "conflict"


def _object(
    path: str, write: Callable[[World, Caller, str], tuple[str, SignedObject]]
) -> Callable[[World, Caller, str], Ask]:
    def ask(world: World, caller: Caller, what: str) -> Ask:
        name, signed_object = write(world, caller, what)
        code = {"Quietway-Enrolment": caller.code} if caller.code else {}
        body = signed_object.to_canonical()
        return Ask("PUT", path.format(name), {"Content-Type": JSON, **code}, body)

    return ask


def _write_manifest(world: World, caller: Caller, what: str) -> tuple[str, SignedObject]:
    harbor = world.harbor
    match what:
        case "absent":
            return str(world.stranger.agency_id), world.stranger.sign_manifest(
                world.stranger.manifest()
            )
        case "deleted":
            return str(world.gone.agency_id), world.gone.sign_manifest(world.gone.manifest())
        case "expired":
            old = now_ms() - 40 * DAY
            manifest = harbor.manifest(issued=old, expires=old + DAY, departed=())
            return str(harbor.agency_id), harbor.sign_manifest(manifest, key=caller.key)
        case "other":
            other = world.willow if caller.agency == harbor.agency_id else harbor
            return str(other.agency_id), other.sign_manifest(other.manifest(), key=caller.key)
    name = "agy_nonsense" if what == "malformed" else str(harbor.agency_id)
    return name, harbor.sign_manifest(world.held, key=caller.key)


def _expect_manifest(caller: str, what: str) -> str:
    special = {
        "malformed": "not_found",
        "expired": "invalid_field",
        "absent": "not_authenticated",
        "deleted": "not_authenticated",
    }
    if what in special:
        return special[what]
    return ALLOWED if (caller, what) == ("ops holder", "own") else NOTHING


def _write_epochs(world: World, caller: Caller, what: str) -> tuple[str, SignedObject]:
    harbor, willow, gone = world.harbor, world.willow, world.gone
    claims = {
        "own": (harbor, world.harbor.device_id),
        "other": (willow, willow.device_id),
        "absent": (world.stranger, world.stranger.device_id),
        "deleted": (gone, gone.device_id),
        "expired": (harbor, world.devices["revoked"]),
    }
    agency, device = claims.get(what, claims["own"])
    changes = {
        "agency_id": agency.agency_id,
        "device_id": device,
        "manifest_version": max(agency.version, 1),
    }
    batch = agency.epochs(**changes)
    signature = caller.key.sign("quietway/v1/epoch-batch", batch.payload)
    name = "agy_nonsense" if what == "malformed" else str(agency.agency_id)
    if (caller.name, what) == ("owner", "own"):
        return name, world.epochs
    return name, replace_signature(batch, signature)


def _write_lanes(world: World, caller: Caller, what: str) -> tuple[str, SignedObject]:
    week = iso_week(now_ms() - 5 * WEEK) if what == "expired" else world.later
    agency = {"other": world.willow, "absent": world.stranger, "deleted": world.gone}.get(
        what, world.harbor
    )
    lanes = agency.week_of_lanes([b"p" * 16], week=week, version=1)
    if (caller.name, what) == ("owner", "own"):
        return week, world.lanes
    signature = caller.key.sign("quietway/v1/week-of-lanes", lanes.payload)
    name = "2026-W99" if what == "malformed" else week
    return name, replace_signature(lanes, signature)


def replace_signature(held: SignedObject, signature: bytes) -> SignedObject:
    """Give an object with another signature."""
    return held.model_copy(update={"signature": signature})


def _expect_object(own: str, **special: str) -> Callable[[str, str], str]:
    def expect(caller: str, what: str) -> str:
        if what in special:
            return special[what]
        is_neighbours = (caller, what) == ("neighbour", "other")
        # A neighbour's device signs for its own agency: the object is its own.
        if (caller, what) == (own, "own") or is_neighbours:
            return ALLOWED
        return NOTHING

    return expect


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


def _place(world: World, caller: Caller, what: str) -> Ask:
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
    to = _mailbox_of(world, caller, what if what != "absent" else "own")
    body = held.body if what == "own" else sealer.ladder({7_200: (to.value,)}).body
    return Ask("PUT", _hold_target(world, what), headers, body)


def _claim(world: World, caller: Caller, what: str) -> Ask:
    held = _ladder(world)
    sealer = world.ladder[0]
    # Of what is not there, everybody shows the right secret: it is of no use.
    knows = caller.name == "sender" or what in {"absent", "deleted", "expired"}
    secret = held.secrets[0] if knows and what != "other" else world.draw(32)
    body = sealer.claim(secret, world.harbor.mailbox.value).pack()
    return Ask("POST", _hold_target(world, what, "/claim"), {"Content-Type": CLAIM}, body)


def _expect_place(caller: str, what: str) -> str:
    # Whoever has every byte of a ladder and its id already is answered as its sender was, also
    # when its lane is over; and where the crisis lane is spent, alarms go through the normal one.
    has_lane = caller in {"sender", "sender of no kind"}
    if what == "own" or (has_lane and what == "absent"):
        return ALLOWED
    if (caller, what) == ("sender to another", "other"):
        return "conflict"
    return "not_found" if what == "malformed" else NOTHING


_HELLO: Final[dict[str, object]] = {
    "frame": "hello",
    "after": 0,
    "witness_now": "AAAAAAAAAAAAAAAAAAAAAA",
}
ROWS: Final[dict[tuple[str, str], tuple[Row, ...]]] = {
    ("get", "/healthz"): (Row(lambda *_: Ask("GET", "/healthz"), lambda *_: ALLOWED, hides=False),),
    ("get", "/v1/mailbox"): (
        _reading("GET", "/v1/mailbox?after=0", _DEVICES),
        _reading("GET", "/v1/mailbox", _DEVICES | {"listener"}, headers=UPGRADE),
    ),
    ("post", "/v1/mailbox/hello"): (_reading("POST", "/v1/mailbox/hello", _DEVICES, frame=_HELLO),),
    ("post", "/v1/mailbox/ack"): (
        _reading("POST", "/v1/mailbox/ack", _DEVICES, frame={"frame": "ack", "seqs": [2**40]}),
    ),
    ("get", "/v1/directory"): (_reading("GET", "/v1/directory?after=0", _READERS),),
    ("get", "/v1/log/checkpoint"): (_reading("GET", "/v1/log/checkpoint", _READERS),),
    ("get", "/v1/log/consistency"): (_reading("GET", "/v1/log/consistency?from=1&to=2", _READERS),),
    ("get", "/v1/log/leaves"): (_reading("GET", "/v1/log/leaves?after=0", _READERS),),
    ("post", "/v1/envelopes"): (Row(_submit, _expect_submission),),
    ("get", "/v1/submit"): (
        Row(
            lambda world, caller, what: Batch(caller.lane, _records(world, caller, what)),
            _expect_submission,
        ),
    ),
    ("post", "/v1/envelopes/withdraw"): (Row(_withdraw, _expect_submission),),
    ("put", "/v1/wake"): (_reading("PUT", "/v1/wake", _DEVICES, frame={"endpoints": []}),),
    ("put", "/v1/holds/{id}"): (Row(_place, _expect_place),),
    ("post", "/v1/holds/{id}/claim"): (
        Row(_claim, lambda who, what: ALLOWED if (who, what) == ("sender", "own") else NOTHING),
    ),
    ("put", "/v1/blobs/{id}"): (Row(_blob("PUT"), _expect_upload),),
    ("head", "/v1/blobs/{id}"): (Row(_blob("HEAD"), _expect_blob),),
    ("get", "/v1/blobs/{id}"): (Row(_blob("GET"), _expect_blob),),
    ("delete", "/v1/blobs/{id}"): (Row(_blob("DELETE"), _expect_blob),),
    ("put", "/v1/agencies/{agency}/manifest"): (
        Row(
            _object("/v1/agencies/{}/manifest", _write_manifest),
            _expect_manifest,
            ("nobody", "other"),
        ),
    ),
    ("put", "/v1/agencies/{agency}/epochs"): (
        Row(
            _object("/v1/agencies/{}/epochs", _write_epochs),
            _expect_object("owner", malformed="not_found"),
        ),
    ),
    ("put", "/v1/lanes/{week}"): (
        Row(
            _object("/v1/lanes/{}", _write_lanes),
            _expect_object("owner", malformed="invalid_field", expired="invalid_field"),
        ),
    ),
}
"""By method and path, as the OpenAPI document has them."""


def cells(world: World) -> list[tuple[Caller, str]]:
    """Give every pair of a caller and an object."""
    return [(caller, what) for caller in world.callers.values() for what in OBJECTS]

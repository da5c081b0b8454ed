"""What a caller asks, what they are told, and what is expected of it.

A `Row` is the expectation at one operation; the table of them stands in `matrix`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.server.agency import CLIENT, JSON, now_ms
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from quietway_crypto.encoding import encode_base64
from quietway_protocol.request_signature import sign_request
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.ids import AgencyId, DeviceId, MailboxId
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from tests.server.strangers import Caller, World

ALLOWED: Final = "allowed"
NOTHING: Final = "nothing there"


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


def reading(
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


def mailbox_of(world: World, caller: Caller, what: str) -> MailboxId:
    del caller
    return {
        "own": world.harbor.mailbox,
        "other": world.willow.mailbox,
        "deleted": world.mailboxes["revoked"],
        "expired": world.gone.mailbox,
    }.get(what) or MailboxId(world.draw(16))

"""A client that submits on a websocket: frames built beforehand, masked with a key of zeros.

RFC 6455 asks for a masking key and leaves its choice to the client; with zeros the masked bytes are
the bytes themselves, so that the load spends nothing on them. The relay unmasks as always.

Spec: docs/spec/relay-protocol.md, "On a websocket".
"""

from __future__ import annotations

import json
import struct
from typing import Final

from bench.load.client import LoadClient

SWITCHED: Final = b"HTTP/1.1 101 "
HEAD_END: Final = b"\r\n\r\n"
ACCEPTED: Final = b'{"frame":"accepted","through":'
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL: Final = 0x80
_MASKED: Final = 0x80
_HEAD: Final = 2
_LONGER_HEAD: Final = 4
_SHORT: Final = 126
_LONG: Final = 127


def frame_of(opcode: int, payload: bytes) -> bytes:
    """Build a client's frame."""
    size = len(payload)
    if size < _SHORT:
        head = bytes([_FINAL | opcode, _MASKED | size])
    elif size < 1 << 16:
        head = struct.pack(">BBH", _FINAL | opcode, _MASKED | _SHORT, size)
    else:
        head = struct.pack(">BBQ", _FINAL | opcode, _MASKED | _LONG, size)
    return head + bytes(4) + payload


def upgrade(path: str, port: int, headers: dict[str, str]) -> bytes:
    """Build the request that opens a websocket."""
    lines = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        **headers,
    }
    text = f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items())
    return text.encode("ascii") + b"\r\n"


def read_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Read one frame of a server, which masks nothing.

    Returns:
        Opcode, payload and what follows; None when it is not whole.
    """
    if len(data) < _HEAD:
        return None
    size, at = data[1], _HEAD
    if size == _SHORT:
        if len(data) < _LONGER_HEAD:
            return None
        (size,), at = struct.unpack_from(">H", data, _HEAD), _LONGER_HEAD
    if len(data) < at + size:
        return None
    return data[0] & 0x0F, data[at : at + size], data[at + size :]


class WebsocketClient(LoadClient):
    """One submitting socket."""

    def build(self, records: list[bytes]) -> bytes:
        return frame_of(BINARY, b"".join(records))

    def greet(self) -> None:
        headers = {"Quietway-Lane": self.task.lanes[self.number]}
        self.transport.write(upgrade("/v1/submit", self.task.port, headers))

    def data_received(self, data: bytes) -> None:
        self.pending += data
        if not self.ready.done() and not self._open():
            return
        while (frame := read_frame(self.pending)) is not None:
            opcode, payload, self.pending = frame
            self.take(opcode, payload)

    def _open(self) -> bool:
        head, found, rest = self.pending.partition(HEAD_END)
        if not found:
            return False
        if not head.startswith(SWITCHED):
            self.fail(f"The relay opened no websocket: {head[:60].splitlines()[0].decode()}")
            return False
        self.pending = rest
        self.be_ready()
        return True

    def take(self, opcode: int, payload: bytes) -> None:
        """Take one frame of the relay."""
        if opcode == TEXT and payload.startswith(ACCEPTED):
            if int(payload[len(ACCEPTED) : -1]) == len(self.latencies) + 1:
                self.count_answer(self.task.batch)
        elif opcode == PING:
            self.transport.write(frame_of(PONG, payload))
        elif opcode == TEXT and json.loads(payload).get("through") == len(self.latencies) + 1:
            self.count_answer(self.task.batch)
        else:
            self.fail(f"The relay refused: {payload[:300]!r}")

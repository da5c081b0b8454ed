"""A client that submits by request: one connection kept alive, heads and bodies built beforehand.

Spec: docs/spec/relay-protocol.md, "Submitting".
"""

from __future__ import annotations

from bench.load.client import LoadClient

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
ACCEPTED = b"HTTP/1.1 201 "


class HttpClient(LoadClient):
    """One connection."""

    def build(self, records: list[bytes]) -> bytes:
        body = b"".join(records)
        head = (
            "POST /v1/envelopes HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self.task.port}\r\n"
            "Content-Type: application/vnd.quietway.envelopes\r\n"
            f"Quietway-Lane: {self.task.lanes[self.number]}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body

    def data_received(self, data: bytes) -> None:
        answer = self.pending + data
        head, found, body = answer.partition(HEAD_END)
        if not found or len(body) < _length_of(head):
            self.pending = answer
            return
        self.pending = b""
        if answer.startswith(ACCEPTED):
            self.count_answer(self.task.batch)
        else:
            self.fail(f"The relay refused: {answer[-300:]!r}")


def _length_of(head: bytes) -> int:
    at = head.lower().index(LENGTH) + len(LENGTH)
    return int(head[at:].partition(b"\r\n")[0])

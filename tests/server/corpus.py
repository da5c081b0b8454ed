"""Bytes that no honest client sends: broken HTTP/1.1 and broken websocket frames.

Each case has a sentence for a name. `{host}` stands for the relay's own authority, `{inner}` for a
whole request that would be carried out if somebody let it in, `{length}` for its length.
"""

from __future__ import annotations

import struct
from typing import Final

GET: Final = b"GET /healthz HTTP/1.1\r\nHost: {host}\r\n"
POST: Final = (
    b"POST /v1/envelopes HTTP/1.1\r\nHost: {host}\r\n"
    b"Content-Type: application/vnd.quietway.envelopes\r\n"
)
_CHUNKED: Final = POST + b"Transfer-Encoding: chunked\r\n\r\n"
_END: Final = b"0\r\n\r\n"
SMUGGLING: Final[dict[str, bytes]] = {
    "a length and chunks": POST
    + b"Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
    "chunks and a length": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{inner}",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}",
    "two lengths, the other way round": POST
    + b"Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{inner}",
    "a length twice": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx{inner}",
    "a list of lengths": POST + b"Content-Length: 0, {length}\r\n\r\n{inner}",
    "a length with a plus": POST + b"Content-Length: +0\r\n\r\n{inner}",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n{inner}",
    "a hexadecimal length": POST + b"Content-Length: 0x0\r\n\r\n{inner}",
    "a length with an underscore": POST + b"Content-Length: 0_0\r\n\r\n{inner}",
    "a length of words": POST + b"Content-Length: none\r\n\r\n{inner}",
    "an empty length": POST + b"Content-Length:\r\n\r\n{inner}",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551617\r\n\r\n{inner}",
    "a length with a space in it": POST + b"Content-Length: 0 0\r\n\r\n{inner}",
    "a space before the colon of a length": POST + b"Content-Length : 0\r\n\r\n{inner}",
    "a folded length": POST + b"Content-Length:\r\n 0\r\n\r\n{inner}",
    "chunks after identity": POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n{inner}",
    "chunks that are not the last coding": POST
    + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}",
    "another coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{inner}",
    "chunks with a tab": POST + b"Transfer-Encoding:\tchunked\r\nContent-Length: 0\r\n\r\n{inner}",
    "chunks with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{inner}",
    "chunks in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n{inner}',
    "a space before the colon of chunks": POST
    + b"Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n{inner}",
    "two codings": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{inner}",
    "an unknown coding beside chunks": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n{inner}",
    "chunks in HTTP/1.0": POST.replace(b"1.1", b"1.0")
    + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n{inner}",
    "a chunk size with a plus": _CHUNKED + b"+0\r\n\r\n{inner}",
    "a chunk size in C": _CHUNKED + b"0x0\r\n\r\n{inner}",
    "a negative chunk size": _CHUNKED + b"-1\r\n\r\n{inner}",
    "a chunk size beyond 64 bits": _CHUNKED + b"10000000000000000\r\n\r\n{inner}",
    "a chunk size with a space": _CHUNKED + b"0 0\r\n\r\n{inner}",
    "an empty chunk size": _CHUNKED + b"\r\n\r\n{inner}",
    "a chunk that is longer than its size": _CHUNKED + b"1\r\nab\r\n0\r\n\r\n{inner}",
    "a chunk without its end": _CHUNKED + b"1\r\na0\r\n\r\n{inner}",
    "a bare line feed after a chunk size": _CHUNKED + b"1\na\n0\n\n{inner}",
    "a bare carriage return after a chunk size": _CHUNKED + b"1\ra\r0\r\r{inner}",
    "a trailer that is no field": _CHUNKED + b"0\r\nnonsense\r\n\r\n{inner}",
    "a space before the field's name": POST + b" Content-Length: 0\r\n\r\n{inner}",
    "a field without a name": POST + b": 0\r\n\r\n{inner}",
    "a field without a colon": POST + b"Content-Length 0\r\n\r\n{inner}",
    "a bare line feed between fields": POST + b"X: 1\nContent-Length: 0\r\n\r\n{inner}",
    "a bare carriage return in a field": POST + b"X: 1\rContent-Length: 0\r\n\r\n{inner}",
    "a zero byte in a field": POST + b"X: 1\0\r\nContent-Length: 0\r\n\r\n{inner}",
    "a zero byte in a name": POST + b"X\0: 1\r\nContent-Length: 0\r\n\r\n{inner}",
    "two hosts": POST + b"Host: evil.example\r\nContent-Length: 0\r\n\r\n{inner}",
    "an absolute target": b"POST http://{host}/v1/envelopes HTTP/1.1\r\nHost: {host}\r\n"
    b"Content-Length: 0\r\n\r\n{inner}",
    "an absolute target elsewhere": b"GET http://evil.example/healthz HTTP/1.1\r\nHost: {host}\r\n"
    b"\r\n{inner}",
    "an upgrade to HTTP/2 with a body": POST
    + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
    b"Content-Length: +0\r\n\r\n{inner}",
    "a websocket with a length": b"GET /v1/submit HTTP/1.1\r\nHost: {host}\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n{inner}",
    "a websocket of another version": b"GET /v1/submit HTTP/1.1\r\nHost: {host}\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 777\r\n\r\n{inner}",
    "a tunnel": b"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n{inner}",
}
"""In each, a request is hidden behind an end that is no end: it must not be carried out."""
BROKEN: Final[dict[str, bytes]] = {
    "nothing": b"",
    "one byte": b"G",
    "only line ends": b"\r\n" * 50,
    "HTTP/0.9": b"GET /healthz\r\n",
    "HTTP/0.9 with a version": b"GET /healthz HTTP/0.9\r\nHost: {host}\r\n\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\nHost: {host}\r\n\r\n",
    "HTTP/2 in a line": b"GET /healthz HTTP/2.0\r\nHost: {host}\r\n\r\n",
    "HTTP/3 in a line": b"GET /healthz HTTP/3\r\nHost: {host}\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0",
    "a hello of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "a greeting of SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a command of Redis": b"*1\r\n$4\r\nPING\r\n",
    "a command of SMTP": b"EHLO evil.example\r\n",
    "random bytes": bytes((at * 7919) % 251 for at in range(2_000)),
    "zeros": bytes(4_000),
    "high bytes": b"\xff" * 4_000,
    "a method of another language": b"\xd0\x9f /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "an unknown method": b"BREW /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a small method": b"get /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a long method": b"G" * 9_000 + b" /healthz HTTP/1.1\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "an empty target": b"GET  HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a target of an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a target with a fragment": b"GET /healthz#x HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a target with a zero byte": b"GET /heal\0thz HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a target with high bytes": b"GET /\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a target with a space": b"GET /heal thz HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a target with a tab": b"GET\t/healthz\tHTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a long target": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a long query": b"GET /healthz?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "dots in a path": b"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "escaped dots": b"GET /v1/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "an escaped zero": b"GET /healthz%00 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "bad escapes": b"GET /%zz%f HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "overlong UTF-8": b"GET /%c0%af HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "two slashes": b"GET //healthz HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "backslashes": b"GET \\healthz HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "an empty host": b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
    "a host with a path": b"GET /healthz HTTP/1.1\r\nHost: {host}/x\r\n\r\n",
    "a host with a user": b"GET /healthz HTTP/1.1\r\nHost: a@{host}\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: {host}\n\n",
    "bare carriage returns": b"GET /healthz HTTP/1.1\rHost: {host}\r\r",
    "a folded field": GET + b"X: a\r\n b\r\n\r\n",
    "a field with a zero byte": GET + b"X: \0\r\n\r\n",
    "a field with an escape": GET + b"X: \x1b[31m\x7f\r\n\r\n",
    "a field's name with a space": GET + b"X Y: 1\r\n\r\n",
    "a field's name with high bytes": GET + b"X\xff: 1\r\n\r\n",
    "a huge field": GET + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "a huge name": GET + b"X" * 100_000 + b": 1\r\n\r\n",
    "ten thousand fields": GET + b"".join(b"X-%d: 1\r\n" % at for at in range(10_000)) + b"\r\n",
    "a hundred and one fields": GET + b"X: 1\r\n" * 101 + b"\r\n",
    "a head without end": GET + b"X: " + b"a" * 1_000_000,
    "half a line": b"GET /heal",
    "half a head": GET + b"X: 1\r\n",
    "half a body": POST + b"Content-Length: 100\r\n\r\nabc",
    "half a chunk": _CHUNKED + b"ff\r\nabc",
    "a body of a GET": GET + b"Content-Length: 5\r\n\r\nhello",
    "a chunked body of a GET": GET + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n" + _END,
    "an announced body of a terabyte": POST + b"Content-Length: 1099511627776\r\n\r\n",
    "chunks beyond the limit": _CHUNKED + (b"4000\r\n" + b"a" * 0x4000 + b"\r\n") * 80 + _END,
    "a thousand chunks of one byte": _CHUNKED + b"1\r\na\r\n" * 1_000 + _END,
    "a huge chunk extension": _CHUNKED + b"1;" + b"a" * 100_000 + b"\r\na\r\n" + _END,
    "a huge trailer": _CHUNKED + b"0\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "an expectation": POST + b"Expect: the-unexpected\r\nContent-Length: 1\r\n\r\na",
    "garbage behind a request": GET + b"\r\n" + b"\xff\0garbage" * 100,
    "requests and half of one": (GET + b"\r\n") * 3 + b"GET /heal",
    "a hundred requests at once": (GET + b"\r\n") * 100,
    "an upgrade to nothing": GET + b"Connection: Upgrade\r\nUpgrade: teapot\r\n\r\n",
    "an upgrade without a key": b"GET /v1/mailbox HTTP/1.1\r\nHost: {host}\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "an upgrade where no socket is": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
}
"""Answered with a refusal, or cut off; some of the requests in front of the rubbish are honest."""


def frame(
    opcode: int, payload: bytes = b"", *, first: int = 0x80, masked: bool = True, length: int = -1
) -> bytes:
    """Write a websocket frame as a client would, or would not.

    Args:
        opcode: 4 bits.
        payload: Its bytes.
        first: The bits before the opcode: FIN is 0x80, and three that are reserved.
        masked: Whether it is masked, as a client must.
        length: The length that is announced, where it is another.
    """
    size = len(payload) if length < 0 else length
    bit = 0x80 if masked else 0
    head = bytes([first | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65_536:
        head += bytes([bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0
FRAMES: Final[dict[str, bytes]] = {
    "a frame without a mask": frame(TEXT, b"hello", masked=False),
    "a ping without a mask": frame(PING, b"", masked=False),
    "the first reserved bit, of compression": frame(TEXT, b"hello", first=0xC0),
    "the second reserved bit": frame(TEXT, b"hello", first=0xA0),
    "the third reserved bit": frame(TEXT, b"hello", first=0x90),
    **{f"the reserved opcode {opcode}": frame(opcode, b"x") for opcode in (3, 4, 5, 6, 7)},
    **{f"the reserved opcode {opcode}": frame(opcode, b"") for opcode in (11, 12, 13, 14, 15)},
    "a ping in pieces": frame(PING, b"a", first=0),
    "a close in pieces": frame(CLOSE, b"\x03\xe8", first=0),
    "a ping of 126 bytes": frame(PING, b"a" * 126),
    "a close of 126 bytes": frame(CLOSE, b"\x03\xe8" + b"a" * 124),
    "a length of 2 to the 63rd": frame(BINARY, b"", length=2**63),
    "a length of 2 to the 64th, less one": frame(BINARY, b"", length=2**64 - 1),
    "a length of a gigabyte": frame(BINARY, b"abc", length=2**30),
    "a length that is longer than need be": b"\x81\xfe\x00\x05\0\0\0\0hello",
    "a long length that is longer than need be": b"\x81\xff" + bytes(7) + b"\x05\0\0\0\0hello",
    "bad UTF-8": frame(TEXT, b"\xff\xfe"),
    "bad UTF-8 in pieces": frame(TEXT, b"\xe2\x82", first=0) + frame(MORE, b"\x28"),
    "half a surrogate": frame(TEXT, b"\xed\xa0\x80"),
    "a continuation of nothing": frame(MORE, b"x"),
    "a new message within another": frame(TEXT, b"a", first=0) + frame(TEXT, b"b"),
    "a message of 5,000 pieces": frame(TEXT, b"a", first=0) + frame(MORE, b"", first=0) * 5_000,
    "a message that is too long": frame(BINARY, bytes(20_000)),
    "a message that is too long, in pieces": frame(BINARY, bytes(9_000), first=0)
    + frame(MORE, bytes(9_000)),
    "a close of one byte": frame(CLOSE, b"\x03"),
    **{
        f"the close code {code}": frame(CLOSE, struct.pack("!H", code))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
    },
    "a close with bad UTF-8": frame(CLOSE, b"\x03\xe8\xff\xfe"),
    "data after a close": frame(CLOSE, b"\x03\xe8") + frame(TEXT, b"more"),
    "a request of HTTP": b"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "zeros for frames": bytes(1_000),
    "high bytes for frames": b"\xff" * 1_000,
    "text that is no frame of ours": frame(TEXT, b'{"frame":"nonsense"}'),
    "binary where text belongs": frame(BINARY, b"hello"),
    "an acknowledgement before the hello": frame(TEXT, b'{"frame":"ack","through":1}'),
    "a hello of a megabyte": frame(TEXT, b'{"frame":"' + b"a" * 1_000_000),
    "a hello with a key twice": frame(TEXT, b'{"frame":"hello","frame":"hello","after":0}'),
    "a hello of depth": frame(TEXT, b"[" * 8_000),
}
"""After each of them the relay closes the socket."""
FLOODS: Final[dict[str, bytes]] = {
    "five thousand pings": frame(PING, b"p" * 125) * 5_000,
    "five thousand pongs": frame(PONG, b"p" * 125) * 5_000,
    "empty pieces without end": frame(TEXT, b"", first=0) + frame(MORE, b"", first=0) * 4_000,
}
"""Allowed by the letter: others are served meanwhile, and memory does not grow."""

"""Every message of a class has one length: a prefix, the message, and zero bytes to the end.

Rules: arithmetic is checked, so a message too long is refused and never wraps; a reader refuses a
prefix that points beyond the end and any padding byte that is not zero, so the padding can carry
nothing and each message has one form. This room never knows which sizes the classes have.

Spec: docs/spec/envelope.md, "Inner, and its padding".
"""

from __future__ import annotations

from typing import Final

from quietway_crypto.errors import PaddingError

PREFIX_BYTES: Final = 2
MAX_MESSAGE_BYTES: Final = 0xFFFF


def pad(message: bytes, size: int) -> bytes:
    """Bring a message to exactly `size` bytes.

    Args:
        message: 0 to 65,535 bytes.
        size: Bytes of the result, prefix included.

    Returns:
        `u16(len(message)) || message || zero bytes`, `size` bytes.

    Raises:
        PaddingError: The message does not fit the size, or its length does not fit the prefix.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise PaddingError("The message is longer than its length prefix can say.")
    if len(message) + PREFIX_BYTES > size:
        raise PaddingError("The message does not fit the size of its class.")
    return (len(message).to_bytes(PREFIX_BYTES, "big") + message).ljust(size, b"\0")


def unpad(padded: bytes) -> bytes:
    """Take the message out of what `pad` made.

    Raises:
        PaddingError: Too short for a prefix, a prefix that points beyond the end, or padding that
            is not zero.
    """
    if len(padded) < PREFIX_BYTES:
        raise PaddingError("There is no length prefix.")
    end = PREFIX_BYTES + int.from_bytes(padded[:PREFIX_BYTES], "big")
    if end > len(padded):
        raise PaddingError("The length prefix points beyond the end.")
    check_filler(padded[end:])
    return padded[PREFIX_BYTES:end]


def check_filler(filler: bytes) -> None:
    """Refuse padding that is not zero: a hidden channel, and a second form of one message.

    Raises:
        PaddingError: A byte is not zero.
    """
    if any(filler):
        raise PaddingError("The padding is not zero.")

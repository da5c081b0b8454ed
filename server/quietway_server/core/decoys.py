"""What stands in for what is not there: refusing the unknown costs what refusing a key does.

Rules: nobody has the private half of the decoy key, since it was not made from one: it is the first
of SHA-256(`quietway/v1/decoy/` || n), n = 0, 1, ..., that is a public key at all. Whatever verifies
by it is refused all the same.

Spec: docs/spec/relay-protocol.md, "One answer for what is not yours".
"""

from __future__ import annotations

from typing import Final

DECOY_KEY: Final = bytes.fromhex("910e7acaa9848113d771339b53de53e57516969222b194a4a4a696971bd19a47")
"""n = 28."""
DECOY_HASH: Final = bytes(32)
"""The hash of no secret that anybody found."""

"""Lanes: each partner, week and kind has its own capability, and the relay keeps only a hash."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from quietway_crypto.errors import EncodingError
from quietway_crypto.lanes import derive_capability, derive_lane, hash_capability

SECRET = bytes(range(32))
PARTNER = bytes(16)


def test_a_capability_is_what_the_specification_says() -> None:
    lane = hmac.digest(SECRET, b"DSSEv1 16 quietway/v1/lane 16 " + PARTNER, hashlib.sha256)
    shown = hmac.digest(
        lane, b"DSSEv1 22 quietway/v1/capability 15 2026-W47/normal", hashlib.sha256
    )
    kept = hashlib.sha256(b"DSSEv1 33 quietway/v1/opening-of-capability 32 " + shown).digest()
    assert derive_lane(SECRET, PARTNER) == lane
    assert derive_capability(lane, "2026-W47", "normal") == shown
    assert hash_capability(shown) == kept


def test_partner_week_and_kind_each_set_capabilities_apart() -> None:
    shown = {
        derive_capability(derive_lane(SECRET, bytes([partner]) * 16), week, kind)
        for partner in range(4)
        for week in ("2026-W47", "2026-W48")
        for kind in ("normal", "crisis")
    }
    assert len(shown) == 16


@pytest.mark.parametrize("week", ["", "2026-47", "2026-W00", "2026-W54", "26-W47", "2026-W47\n"])
def test_a_week_of_another_form_is_refused(week: str) -> None:
    with pytest.raises(EncodingError):
        derive_capability(bytes(32), week, "normal")


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(EncodingError):
        derive_capability(bytes(32), "2026-W47", "urgent")

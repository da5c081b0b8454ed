"""What the keyring shows without its passphrase: weeks and a number, and nothing of any case."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL, Agencies

from quietway.retention import bucket_end
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_schemas.ids import CaseRef
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from pathlib import Path

CASE = CaseRef(b"the-case-of-ours")


def read_clear_part(home: Path) -> tuple[bytes, list[dict[str, object]]]:
    raw = (home / "keyring").read_bytes()
    return raw, json.loads(raw.partition(b"\n")[0])["records"]


async def test_the_clear_part_of_a_keyring_tells_weeks_only(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    now = agencies.clock.now()
    said = await shelter.messages.send("Are you there?", to="MERCY")
    sent = await shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=CASE)
    raw, records = read_clear_part(shelter.home)
    keys = [record for record in records if str(record["name"]).startswith("record/")]
    assert {record["erase_after"] for record in keys} == {
        bucket_end(now + 30 * DAY),
        bucket_end(now + 365 * DAY),
    }
    ids = [CASE.value, said.conversation.value, sent.conversation.value]
    ids += [shelter.agency_id.value, shelter.device_id.value]
    for name in ids:
        assert name not in raw
        assert name.hex().encode() not in raw
        assert encode_base64(name).encode() not in raw
    names = [decode_base64(str(record["name"]).partition("/")[2]) for record in keys]
    # One more than was said: the lane that was granted to the partner's device.
    assert len(set(names)) == len(keys) == 5

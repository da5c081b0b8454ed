"""The bench of whole messages, on the smallest real round: what it clocks was sealed and opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench.message import Sender, make_devices, make_reader, open_one
from bench.message_opening import MessageOpening
from bench.message_sealing import MessageSealing
from bench.place import Place
from bench.processes import NotMeasuredError
from bench.unlocking import Unlocking

from quietway.sealing import OpeningRefused
from quietway_crypto.passphrase import PassphraseParameters
from quietway_crypto.suite_codes import Suite
from quietway_schemas.envelope import HEADER_BYTES, WITHDRAW_HASH_BYTES

if TYPE_CHECKING:
    from pathlib import Path

CHEAP = PassphraseParameters(time_cost=1, memory_kib=64, parallelism=1)


def test_a_round_of_sealing_has_a_time_for_each_of_the_four(tmp_path: Path) -> None:
    with Place(seconds=0.2, build=tmp_path) as place:
        seen = MessageSealing(2).run(place)
    assert min(seen.loop, seen.box, seen.hpke, seen.hybrid) > 0


def test_without_a_compiler_sealing_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with Place(seconds=0.2, build=tmp_path) as place, pytest.raises(NotMeasuredError):
        MessageSealing(1).run(place)


def test_a_round_of_opening_has_a_time_for_each_of_the_four(tmp_path: Path) -> None:
    with Place(seconds=0.2, build=tmp_path) as place:
        seen = MessageOpening(envelopes=2).run(place)
    assert min(seen.bare_box, seen.box, seen.hpke, seen.hybrid) > 0


@pytest.mark.parametrize("suite", list(Suite))
def test_an_envelope_that_is_refused_is_not_clocked(suite: Suite) -> None:
    sender, (device,) = Sender(), make_devices(suite, 1)
    reader, record = make_reader(device, sender), sender.seal(sender.say([device]), device)
    envelope = record[:HEADER_BYTES] + record[HEADER_BYTES + WITHDRAW_HASH_BYTES :]
    open_one(envelope, reader)
    with pytest.raises(OpeningRefused):
        open_one(envelope[:-1] + bytes([envelope[-1] ^ 1]), reader)


def test_a_keyring_is_made_once_and_unlocked_in_each_round(tmp_path: Path) -> None:
    unlocking = Unlocking(record_keys=3, parameters=CHEAP)
    with Place(seconds=0.2, build=tmp_path) as place:
        seen = [unlocking.run(place) for _ in range(2)]
        assert len(list(place.folder.iterdir())) == 1
    assert min(min(times.argon2, times.unlock) for times in seen) > 0

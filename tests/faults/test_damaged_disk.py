"""F7: bits flip in a relay's files, or a file is cut short, while the relay is down.

Nothing altered may be given out as if it were whole, and nothing may be gone without a word. The
controls are a relay that compares no hash, and one that does not ask how far its log had got.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.faults.careless import MODULE
from tests.faults.counts import FIRST_SEED, trials
from tests.faults.damages import BIT, CUT, DATABASE, LOG, REFUSED, SILENT, WITHHELD, Damage, Patient

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    return Patient(tmp_path_factory.mktemp("damage"), FIRST_SEED)


@pytest.mark.requirement("A51")
def test_damage_anywhere_is_noticed_and_nothing_altered_is_given_out(
    patient: Patient, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message; here, it is never lost in silence."""
    draw, found = Random(f"{FIRST_SEED} damage"), Counter[str]()
    for _ in range(trials("F7")):
        damage = patient.draw(draw)
        outcome = patient.examine(patient.copy(damage))
        found[outcome] += 1
        assert outcome != SILENT, damage
    report(f"{trials('F7')} damages: {dict(found)}")


def test_a_bit_within_an_envelope_keeps_that_one_back_and_no_other(patient: Patient) -> None:
    assert patient.examine(patient.copy(patient.find_sealed())) == WITHHELD


def test_a_log_that_was_cut_short_is_told_of(patient: Patient) -> None:
    assert patient.examine(patient.copy(patient.cut_log())) == WITHHELD


def test_a_database_that_was_cut_short_stops_the_start_with_a_sentence(patient: Patient) -> None:
    half = Damage(CUT, DATABASE, 20 * 8192, 0)
    assert patient.examine(patient.copy(half)) == REFUSED


def test_control_a_relay_that_compares_no_hash_gives_out_what_was_altered(
    patient: Patient,
) -> None:
    copy = patient.copy(patient.find_sealed())
    assert patient.examine(copy, module=MODULE, careless="compares no hash") == SILENT


def test_control_a_relay_that_forgets_its_log_loses_in_silence(patient: Patient) -> None:
    for damage in (patient.cut_log(), Damage(BIT, LOG, 200, 0)):
        copy = patient.copy(damage)
        assert patient.examine(copy, module=MODULE, careless="forgets its log") == SILENT

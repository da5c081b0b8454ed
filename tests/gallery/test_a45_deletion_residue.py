"""Row 45: what was deleted is carved out of the relay's files.

The attacker has the disk: the database with its free pages and the ends of its pages, the log, the
index, the reserve, journals and temporary files, if there are any. Envelopes were acknowledged, or
taken back, and the next sweep is over.

Defences: what is deleted is overwritten (`secure_delete`), and the log, which still holds it, is
written back and emptied after each sweep.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.careless import MODULE
from tests.gallery.seizure import read_files, snippets
from tests.journeys.conftest import enroll
from tests.relay_process import PRODUCT, RelayProcess, wait_until
from tests.server.agency import PARTNER, join

from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from pathlib import Path

DELETED: Final = 60
KEPT: Final = 10


def carve(folder: Path, *, careless: str = "") -> tuple[int, int]:
    """Let envelopes come and go; count the bytes found of what is gone, and of what is not.

    Args:
        folder: Where the relay's files go.
        careless: Which control the relay is; empty for the product.
    """
    relay = RelayProcess(folder, options={"sweep_seconds": "1"}, environment={"CARELESS": careless})
    relay.module = MODULE if careless else PRODUCT
    with relay:
        agency = join(relay.url, enroll(relay), 45)
        capability = agency.capability_for(PARTNER)
        sealed: dict[bytes, bytes] = {}
        for number in range(DELETED + KEPT):
            of = EnvelopeClass.CASE if number % 3 == 0 else EnvelopeClass.FLASH
            record = agency.record(of)
            assert agency.submit(capability, record).status_code == 201
            sealed[record.header.envelope_id.value] = record.sealed
        through = {"frame": "ack", "through": DELETED}
        assert agency.post("/v1/mailbox/ack", through).status_code == 204
        swept = relay.output.count('"swept"')
        wait_until(lambda: relay.output.count('"swept"') >= swept + 2)
        gone = dict(list(sealed.items())[:DELETED])
        kept = dict(list(sealed.items())[DELETED:])
        held = b"".join(read_files(relay))
        return tuple(  # type: ignore[return-value]  # of two
            sum(piece in held for piece in snippets(some)) for some in (gone, kept)
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert shutil.disk_usage(tmp_path).free > 1 << 26
    return tmp_path / "relay"


def test_after_the_next_sweep_nothing_of_what_was_acknowledged_lies_in_any_file(
    folder: Path,
) -> None:
    # What still waits is found, so the carving works.
    assert carve(folder) == (0, 2 * KEPT)


@pytest.mark.parametrize("careless", ["leaves what it deletes", "never empties its log"])
def test_control_without_overwriting_or_emptying_the_log_it_is_carved_out(
    folder: Path, careless: str
) -> None:
    gone, kept = carve(folder, careless=careless)
    assert gone > 0
    assert kept == 2 * KEPT

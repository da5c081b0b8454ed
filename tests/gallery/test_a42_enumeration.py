"""Row 42: somebody crawls ids, to learn who and what is here (contact discovery; WhatsApp, Signal).

The attacker asks for mailboxes, devices, files, agencies and envelopes by guesses, and compares
status, body, size and cost of the answers. Defences: nothing can be looked up by a name, ids have
128 random bits, and unknown, forbidden and empty are one answer after one amount of work. The cost
is counted in calls and statements within the process, where no other program disturbs it.
"""

from __future__ import annotations

import math
import random
import threading
from statistics import fmean, variance
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults.counts import trials
from tests.server.agency import CLIENT, ENVELOPES, PARTNER, Agency, problem_code
from tests.server.asks import Ask, read_answer
from tests.server.in_process import InProcessRelay

from quietway_crypto import signing
from quietway_crypto.encoding import encode_base64
from quietway_schemas.ids import DeviceId, EnvelopeId, MailboxId
from quietway_schemas.withdrawal import MOST_SLIPS, Slip
from quietway_server.api import auth
from quietway_server.api.bodies import WITHDRAWALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from tests.server.asks import Answer

MOST_T: Final = 4.5
SAMPLES: Final = 40
SIGNATURE_CALLS: Final = 100
"""What verifying one costs, in calls."""
_SIGNING: Final = str(signing.__file__)


@pytest.fixture
def here() -> Iterator[InProcessRelay]:
    with InProcessRelay().running() as relay:
        yield relay


def _withdraw(url: str, slips: list[Slip]) -> list[bool]:
    answer = CLIENT.post(
        url + "/v1/envelopes/withdraw",
        content=b"".join(slip.pack() for slip in slips),
        headers={"Content-Type": WITHDRAWALS},
    )
    told: list[bool] = answer.json()["withdrawn"]
    return told


def _kinds(agency: Agency, other: Agency, chance: random.Random) -> dict[str, tuple[Ask, Ask]]:
    """Write, by kind of id, a request for what is unknown and one for what is another's."""

    def read(device: DeviceId) -> Ask:
        headers = agency.signature("GET", "/v1/mailbox", key_id=str(device))
        return Ask("GET", "/v1/mailbox", headers)

    def send(mailbox: MailboxId) -> Ask:
        headers = {
            "Content-Type": ENVELOPES,
            "Quietway-Lane": encode_base64(agency.capability_for(PARTNER)),
        }
        return Ask("POST", "/v1/envelopes", headers, agency.record(to=mailbox).pack())

    def publish(device: DeviceId) -> Ask:
        batch = agency.epochs(agency_id=other.agency_id, device_id=device)
        path = f"/v1/agencies/{other.agency_id}/epochs"
        return Ask("PUT", path, {"Content-Type": "application/json"}, batch.to_canonical())

    unknown = DeviceId(chance.randbytes(16))
    return {
        "device": (read(unknown), read(other.device_id)),
        "mailbox": (send(MailboxId(chance.randbytes(16))), send(other.mailbox)),
        "signer": (publish(unknown), publish(other.device_id)),
    }


def _send(url: str, ask: Ask) -> Answer:
    return read_answer(
        CLIENT.request(ask.method, url + ask.target, headers=ask.headers, content=ask.body)
    )


@pytest.mark.requirement("A06")
def test_many_guesses_hit_nothing_and_all_are_answered_alike(
    here: InProcessRelay, record_property: Callable[[str, object], None]
) -> None:
    """A06: ids are opaque: nobody learns by guessing that a mailbox, a device or a file is here."""
    agency, other = here.new_agency(), here.new_agency()
    for each in (agency, other):
        assert each.submit(each.capability_for(PARTNER), each.record()).status_code == 201
    chance, count, hits = random.Random(42), 0, 0
    while count < trials("A42"):
        slips = [
            Slip(other.mailbox, EnvelopeId(chance.randbytes(16)), chance.randbytes(32))
            if number % 2
            else Slip(MailboxId(chance.randbytes(16)), EnvelopeId(chance.randbytes(16)), bytes(32))
            for number in range(MOST_SLIPS)
        ]
        hits += sum(_withdraw(here.url, slips))
        count += len(slips)
    answers: dict[str, set[Answer]] = {}
    for _ in range(20):
        for kind, asks in _kinds(agency, other, chance).items():
            answers.setdefault(kind, set()).update(_send(here.url, ask) for ask in asks)
            count += len(asks)
    record_property("figures", f"{count} guesses, {hits} hits")
    assert hits == 0
    assert {kind: len(each) for kind, each in answers.items()} == dict.fromkeys(answers, 1)


def test_without_a_code_nobody_learns_which_agency_codes_are_taken(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = here.new_agency()

    def guess(code: str) -> str:
        stranger = Agency(here.url, random.Random(code).getrandbits(32))
        stranger.code = code
        return problem_code(stranger.publish_manifest(code="b" * 26))

    assert {guess(known.code), guess("NOBODYATALL")} == {"not_authenticated"}
    without(monkeypatch, "quietway_server.services.directory:_check_invited", lambda *_, **__: None)
    assert guess(known.code) == "invalid_field"


class _Counter:
    """Counts the calls of the threads that start meanwhile; a signature counts for a hundred."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            is_heavy = frame.f_code.co_name == "_verify" and frame.f_code.co_filename == _SIGNING
            self.calls += SIGNATURE_CALLS if is_heavy else 1


def _work(relay: InProcessRelay, counter: _Counter, ask: Ask) -> int:
    before = counter.calls
    _send(relay.url, ask)
    return counter.calls - before


def _welch(one: list[int], other: list[int]) -> float:
    spread = variance(one) / len(one) + variance(other) / len(other)
    apart = fmean(one) - fmean(other)
    return 0.0 if apart == 0 else abs(apart) / math.sqrt(spread) if spread else math.inf


def _compare() -> dict[str, float]:
    """Count the relay's calls for unknown and for forbidden, in turn; give Welch's t by kind."""
    counter = _Counter()
    threading.setprofile(counter)
    try:
        with InProcessRelay().running() as relay:
            agency, other = relay.new_agency(), relay.new_agency()
            chance = random.Random(7)
            counts: dict[str, tuple[list[int], list[int]]] = {}
            for _ in range(SAMPLES):
                asks = _kinds(agency, other, chance)
                for kind, pair in asks.items():
                    for at, ask in chance.sample([*enumerate(pair)], k=2):
                        counts.setdefault(kind, ([], []))[at].append(_work(relay, counter, ask))
    finally:
        threading.setprofile(None)
    return {kind: _welch(*each) for kind, each in counts.items()}


def test_unknown_and_forbidden_are_of_one_class_of_work(
    record_property: Callable[[str, object], None],
) -> None:
    found = _compare()
    record_property("figures", f"Welch's t of work: {found}")
    assert max(found.values()) < MOST_T, found


def test_control_without_the_decoy_key_an_unknown_device_is_refused_sooner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_key = auth._Signer._find_key

    def find_key_or_fail(signer: auth._Signer, key_id: str) -> bytes:
        if (key := find_key(signer, key_id)) is None:
            raise ValueError("Nobody knows this device.")
        return key

    without(monkeypatch, "quietway_server.api.auth:_Signer._find_key", find_key_or_fail)
    # What the threads beside it do is counted too, so one comparison may be blurred.
    assert any(_compare()["device"] > MOST_T for _ in range(3))

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.server.agency import PARTNER, now_ms, problem_code
from tests.server.conftest import held_by

from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.frames import MailboxPage
from quietway_schemas.instants import WEEK, iso_week

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.relay_process import RelayProcess
    from tests.server.agency import Agency


def _page(agency: Agency, after: int = 0) -> MailboxPage:
    answer = agency.get(f"/v1/mailbox?after={after}")
    assert answer.status_code == 200, answer.text
    return MailboxPage.unpack(answer.content)


def test_a_batch_is_numbered_in_its_order_and_comes_back_as_it_was_sent(agency: Agency) -> None:
    records = [agency.record(EnvelopeClass.FLASH), agency.record(EnvelopeClass.CASE)]
    answer = agency.submit(agency.capability_for(PARTNER), *records)
    assert (answer.status_code, answer.json()) == (201, {"accepted": 2})
    page = _page(agency)
    assert [(e.seq, e.header, e.sealed) for e in page.entries] == [
        (n, record.header, record.sealed) for n, record in enumerate(records, 1)
    ]


def test_sending_the_same_bytes_again_is_answered_alike_and_stored_once(agency: Agency) -> None:
    record, capability = agency.record(), agency.capability_for(PARTNER)
    first, second = agency.submit(capability, record), agency.submit(capability, record)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    twice = agency.submit(capability, agency.record(), record, record)
    assert twice.json() == {"accepted": 3}
    assert _page(agency).latest == 2


def test_a_resent_envelope_is_recognised_after_its_acknowledgement_too(agency: Agency) -> None:
    record, capability = agency.record(), agency.capability_for(PARTNER)
    agency.submit(capability, record)
    assert agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 1}).status_code == 204
    assert agency.submit(capability, record).status_code == 201
    page = _page(agency)
    assert (page.latest, page.entries) == (1, ())


def test_an_id_with_other_bytes_is_a_conflict_and_takes_nothing_of_its_batch(
    agency: Agency,
) -> None:
    record, capability = agency.record(), agency.capability_for(PARTNER)
    agency.submit(capability, record)
    forged = agency.record(envelope_id=record.header.envelope_id.value)
    answer = agency.submit(capability, agency.record(), forged)
    assert problem_code(answer) == "conflict"
    assert answer.json()["index"] == 1
    assert _page(agency).latest == 1


def test_the_same_record_raced_by_many_is_stored_once(agency: Agency) -> None:
    record, capability = agency.record(), agency.capability_for(PARTNER)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: agency.submit(capability, record), range(48)))
    assert {answer.status_code for answer in answers} == {201}
    assert _page(agency).latest == 1


def test_many_senders_leave_no_hole_and_no_double_in_the_numbers(agency: Agency) -> None:
    capability = agency.capability_for(PARTNER)
    records = [agency.record() for _ in range(60)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda record: agency.submit(capability, record), records))
    seqs: list[int] = []
    while len(seqs) < 60:
        seqs += [entry.seq for entry in _page(agency, seqs[-1] if seqs else 0).entries]
    assert seqs == list(range(1, 61))


def test_no_lane_no_mailbox_and_a_lane_of_another_week_look_alike(agency: Agency) -> None:
    stranger = agency.submit(agency.draw(32), agency.record())
    nowhere = agency.submit(
        agency.capability_for(PARTNER), agency.record(to=type(agency.mailbox)(agency.draw(16)))
    )
    late = agency.capability_for(PARTNER, iso_week(now_ms() - 2 * WEEK))
    old = agency.submit(late, agency.record())
    answers = [(a.status_code, a.content) for a in (stranger, nowhere, old)]
    assert len(set(answers)) == 1
    assert problem_code(stranger) == "not_found"


def test_a_batch_must_have_a_lane_at_every_agency_it_addresses(
    new_agency: Callable[[], Agency],
) -> None:
    here, there = new_agency(), new_agency()
    answer = here.submit(here.capability_for(PARTNER), here.record(), there.record())
    assert (problem_code(answer), answer.json()["index"]) == ("not_found", 1)
    assert _page(here).latest == 0


def test_a_crisis_lane_opens_as_well_as_a_normal_one(agency: Agency) -> None:
    answer = agency.submit(agency.capability_for(PARTNER, kind="crisis"), agency.record())
    assert answer.status_code == 201


def test_a_revoked_lane_is_closed_and_counters_survive_a_new_version(agency: Agency) -> None:
    other = agency.draw(16)
    assert agency.publish_lanes([other], version=2).status_code == 204
    closed = agency.submit(agency.capability_for(PARTNER), agency.record())
    assert problem_code(closed) == "not_found"
    assert agency.submit(agency.capability_for(other), agency.record()).status_code == 201


def test_nothing_is_stored_of_whoever_sends(relay: RelayProcess, agency: Agency) -> None:
    capability = agency.capability_for(PARTNER)
    agency.submit(capability, agency.record())
    held = held_by(relay)
    assert capability not in held
    assert b"127.0.0.1" not in held.replace(relay.url.encode(), b"")
    assert "127.0.0.1" not in relay.output.replace(relay.url, "")

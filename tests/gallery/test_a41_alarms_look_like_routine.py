"""Rows 40 and 41, from end to end: an alert of the SDK, by what a provider and a network see.

`test_a40` holds the relay's wake-ups to one text and one form. Here real clients over a real relay
raise an alert, write and refer; and what leaves the sender is compared byte count by byte count.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import WHOLE_REFERRAL
from tests.gallery.test_a40_what_a_wake_up_tells import differ, form_of
from tests.relay_process import RelayProcess, wait_until
from tests.server.providers import Provider

from quietway import Client
from quietway.testing.sandbox import FAST, PASSPHRASE, Sandbox, make_partners
from quietway_schemas.envelope import HEADER_BYTES
from quietway_schemas.wake import WAKE_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.providers import Came

    from quietway_schemas.ids import CaseRef

ON_CALL: Final = ("on_call_lead",)
TIMES: Final = 20


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as held:
        yield held


def found(folder: Path, relay: RelayProcess, program: str) -> Client:
    return Client.found(
        folder / program,
        passphrase=PASSPHRASE,
        relay=relay.url,
        enrolment_code=relay.enroll(),
        agency_code=program.partition("-")[0],
        program=program,
        roles=ON_CALL,
        parameters=FAST,
    )


def share_case(lead: Client, other: Client, to: str) -> CaseRef:
    """Let one agency lead a case that the other knows; give the other's reference."""
    opened = lead.cases.open()
    lead.status.set("contact_pending", to=to, case_ref=opened)
    other.sync()
    (held,) = other.cases.list()
    return held.case_ref


def size_of(came: Came) -> int:
    # The endpoints' names differ in length, which their owners chose.
    return came.size - len(came.head)


@pytest.mark.requirement("A44")
def test_an_alert_wakes_as_a_text_does(tmp_path: Path, provider: Provider) -> None:
    """A44: designated responders, minimal detail: what wakes them is one text, of one size.

    Its control is that of `test_a40`: a text that depends on the reason is found out by `form_of`.
    """
    relay = RelayProcess(tmp_path / "relay", options={"wake_own_hosts": provider.origin})
    relay.module = "tests.gallery.prompt_wakes"
    with relay:
        shelter = found(tmp_path, relay, "HARBOR-SHELTER")
        asleep = {code: found(tmp_path, relay, f"{code}-DESK") for code in ("MERCY", "CITYPD")}
        for client in asleep.values():
            make_partners(client, shelter)
            client.sync()
        case = share_case(asleep["MERCY"], shelter, "HARBOR")
        for code, client in asleep.items():
            client.sync()
            client.wake_through([provider.url(f"up/{code}")])
        assert shelter.alerts.send(case, "needs_lead_now").sent.state == "stored_at_relay"
        shelter.messages.send("Are you there?", to="CITYPD")
        wait_until(lambda: len(provider.came) >= len(asleep))
        for client in (shelter, *asleep.values()):
            client.close()
    assert {held.body for held in provider.came} == {WAKE_TEXT.encode()}
    assert len({size_of(held) for held in provider.came}) == 1
    assert len({form_of(held)[1:3] for held in provider.came}) == 1


def test_what_is_sealed_of_an_alert_is_as_long_as_of_a_text_and_of_one_class() -> None:
    with Sandbox() as sandbox:
        hospital = sandbox.agency("MERCY-DESK", roles=ON_CALL)
        shelter = sandbox.agency("HARBOR-SHELTER", roles=ON_CALL)
        case = share_case(hospital, shelter, "HARBOR")
        # Who reads along is said once in a conversation, whatever is said there.
        there = shelter.messages.send("Hello.", to="MERCY").conversation

        def seal(kind: str) -> Counter[object]:
            before = set(sandbox.relay.envelopes_held())
            for number in range(TIMES):
                if kind == "alert":
                    shelter.alerts.send(case, "checkin_missed", exercise=number % 2 == 0)
                elif kind == "text":
                    shelter.messages.send(
                        "Call us. " * number + ".", to="MERCY", conversation=there
                    )
                else:
                    shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
            new = set(sandbox.relay.envelopes_held()) - before
            # All of a header that is not random: format, class, suite, epoch.
            return Counter((len(held), held[: HEADER_BYTES - 32]) for held in new)

        alarms, texts, referrals = seal("alert"), seal("text"), seal("referral")
    # One thing to see: chi-square has nothing to work on.
    assert differ(alarms, texts) == 0.0
    # The control: what is of another class is told apart, so the comparison could have seen it.
    assert differ(alarms, referrals) > 10.83

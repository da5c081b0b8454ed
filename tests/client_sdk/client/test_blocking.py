"""The blocking client: the surface of the awaiting one, for programs without an event loop."""

from __future__ import annotations

import inspect
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL

from quietway import AsyncClient, AsyncLockedDevice, Client, LockedDevice, Received, Sent
from quietway.blocking.contacts import Contacts
from quietway.blocking.due import Due, Escalations
from quietway.blocking.faces import Attachments, Messages, Partners, Referrals, Status
from quietway.content import MessageText
from quietway.faces.attachments import AsyncAttachments
from quietway.faces.contacts import AsyncContacts
from quietway.faces.due import AsyncDue
from quietway.faces.escalations import AsyncEscalations
from quietway.faces.messages import AsyncMessages
from quietway.faces.partners import AsyncPartners
from quietway.faces.referrals import AsyncReferrals
from quietway.faces.status import AsyncStatus
from quietway.own.agency import AsyncAgency
from quietway.own.blocking import Agency, Devices
from quietway.own.devices import AsyncDevices
from quietway.testing import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIRS = [
    (Client, AsyncClient),
    (Partners, AsyncPartners),
    (Referrals, AsyncReferrals),
    (Escalations, AsyncEscalations),
    (Due, AsyncDue),
    (Contacts, AsyncContacts),
    (Status, AsyncStatus),
    (Messages, AsyncMessages),
    (Attachments, AsyncAttachments),
    (Devices, AsyncDevices),
    (Agency, AsyncAgency),
    (LockedDevice, AsyncLockedDevice),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7) as made:
        yield made


def public_names(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("blocking", "awaiting"), PAIRS)
def test_both_clients_have_the_same_names_and_arguments(blocking: type, awaiting: type) -> None:
    assert public_names(blocking) - {"close"} == public_names(awaiting)
    for name in public_names(awaiting):
        one, other = getattr(blocking, name), getattr(awaiting, name)
        if not callable(one):
            continue
        assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters)
        defaults = [held.default for held in inspect.signature(one).parameters.values()]
        assert defaults == [held.default for held in inspect.signature(other).parameters.values()]


def test_a_referral_goes_there_and_back_without_an_event_loop(sandbox: Sandbox) -> None:
    shelter, hospital = sandbox.agency(SHELTER), sandbox.agency(HOSPITAL)
    sent = hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    assert isinstance(sent, Sent)
    assert sent.referral_ref is not None
    shelter.sync()
    assert shelter.referrals.list()[0].packet.purpose_text == WHOLE_REFERRAL["purpose_text"]
    shelter.referrals.acknowledge(sent.referral_ref)
    sandbox.clock.advance(1)
    hospital.sync()
    assert hospital.referrals.find(sent.referral_ref).state == "accepted"
    assert [held.name for held in hospital.doctor() if not held.ok] == ["the agency's root"]


def test_a_sandbox_makes_everyone_partners_and_leaves_nothing(sandbox: Sandbox) -> None:
    clients = [sandbox.agency(program) for program in (SHELTER, HOSPITAL, "CITYPD-LIAISON")]
    for client in clients:
        assert len(client.partners.list()) == 2
        assert all(partner.programs for partner in client.partners.list())
    homes = [client.home for client in clients]
    clients[2].status.set("order_served", to=["HARBOR", "MERCY"])
    sandbox.sync()
    assert [line.code for line in clients[0].status.board()] == ["order_served"]
    sandbox.close()
    assert not any(home.exists() for home in homes)


def test_two_sandboxes_of_one_seed_draw_the_same_agencies() -> None:
    seen = []
    for _ in range(2):
        with Sandbox(seed=3) as sandbox:
            seen.append((sandbox.agency(SHELTER).agency_id, sandbox.agency(HOSPITAL).device_id))
    assert seen[0] == seen[1]


def test_events_are_given_one_by_one(sandbox: Sandbox) -> None:
    shelter, hospital = sandbox.agency(SHELTER), sandbox.agency(HOSPITAL)
    shelter.messages.send("Before.", to="MERCY")
    stream = hospital.events()
    first = next(event for event in stream if isinstance(event, Received))
    shelter.messages.send("During.", to="MERCY")
    second = next(event for event in stream if isinstance(event, Received))
    stream.close()
    texts = [held.content.text for held in (first, second) if isinstance(held.content, MessageText)]
    assert texts == ["Before.", "During."]
    assert hospital.sync().problems == ()


def test_interrupting_a_wait_ends_it_and_leaves_the_store_usable(sandbox: Sandbox) -> None:
    hospital = sandbox.agency(HOSPITAL)
    main = threading.main_thread().ident
    assert main is not None

    over = threading.Event()

    def interrupt() -> None:
        # Once, as a rule. Python drops an interrupt that falls into a callback of its own (such as
        # the collector's); whoever waits at the keyboard then presses again.
        pause = 0.2
        while not over.wait(pause):
            signal.pthread_kill(main, signal.SIGINT)
            pause = 5.0

    pressing = threading.Thread(target=interrupt)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in hospital.events():
            pass
    over.set()
    pressing.join()
    assert hospital.sync().problems == ()


def test_a_closed_client_says_so(sandbox: Sandbox) -> None:
    shelter = sandbox.agency(SHELTER)
    shelter.close()
    shelter.close()
    with pytest.raises(RuntimeError, match="closed"):
        shelter.sync()

"""What a webhook's body says, whom it is believed from, and where it may go."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, get_args

import pytest
from tests.client_sdk.forwarding.receiver import SECRET, Receiver
from tests.controls import without

from quietway import ContentRefused, Event, Received, WebhookRefused, read_webhook
from quietway.content import CaseRef, ConversationId, MessageId, MessageText
from quietway.events import ConsentChanged
from quietway.transport.webhook import LocalWebhook, read_local
from quietway.webhook import (
    EVENT_FIELDS,
    EVENT_NAMES,
    OLDEST_MS,
    describe_event,
    sign_body,
    write_body,
)
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_795_428_000_000
AGENCY, CASE = AgencyId(b"\x01" * 16), CaseRef(b"\x02" * 16)
MESSAGE, TALK = MessageId(b"\x03" * 16), ConversationId(b"\x04" * 16)
RECEIVED = Received(
    MESSAGE, TALK, AGENCY, "HARBOR-SHELTER", NOW, MessageText(text="The bed by six.")
)
BODY = write_body(*describe_event(RECEIVED), run="cnVu", number=7, at=NOW)


def test_a_body_has_ids_and_times_and_nothing_that_was_said() -> None:
    told = json.loads(BODY)
    assert told == {
        "at": NOW,
        "event": "received",
        "ids": {
            "conversation": str(TALK),
            "message_id": str(MESSAGE),
            "sender_agency": str(AGENCY),
            "sent_at": NOW,
        },
        "number": 7,
        "run": "cnVu",
    }


def test_a_body_about_consent_does_not_say_which_case() -> None:
    name, ids = describe_event(ConsentChanged(AGENCY, CASE, "paused", held_back=True, at=NOW))
    assert (name, ids) == ("consent_changed", {"agency": str(AGENCY)})


def test_every_event_has_a_name_and_only_fields_that_it_has() -> None:
    assert set(EVENT_NAMES) == set(get_args(Event))
    assert len(set(EVENT_NAMES.values())) == len(EVENT_NAMES)
    for event, fields in EVENT_FIELDS.items():
        held = {field.name: field.repr for field in dataclasses.fields(event)}
        assert all(held[name] for name in fields), event


def test_who_knows_the_secret_is_believed() -> None:
    told = read_webhook(SECRET, BODY, sign_body(SECRET, BODY, NOW), now=NOW + OLDEST_MS)
    assert (told.event, told.run, told.number, told.at) == ("received", "cnVu", 7, NOW)
    assert told.ids["message_id"] == str(MESSAGE)


FORGED: dict[str, Callable[[], tuple[bytes, str, int]]] = {
    "another secret": lambda: (BODY, sign_body("x" * 40, BODY, NOW), NOW),
    "another body": lambda: (BODY.replace(b"7", b"8"), sign_body(SECRET, BODY, NOW), NOW),
    "another time": lambda: (BODY, sign_body(SECRET, BODY, NOW).replace("t=1", "t=2"), NOW),
    "an old one": lambda: (BODY, sign_body(SECRET, BODY, NOW), NOW + OLDEST_MS + 1),
    "one of tomorrow": lambda: (BODY, sign_body(SECRET, BODY, NOW), NOW - OLDEST_MS - 1),
    "no signature": lambda: (BODY, "", NOW),
    "another form": lambda: (BODY, sign_body(SECRET, BODY, NOW) + "\n", NOW),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_is_not_signed_so_and_now_is_refused(name: str) -> None:
    body, signature, now = FORGED[name]()
    with pytest.raises(WebhookRefused, match="Answer 401"):
        read_webhook(SECRET, body, signature, now=now)


def test_control_without_the_signature_anybody_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway.webhook:is_signed", lambda *_: True)
    body, signature, now = FORGED["another secret"]()
    assert read_webhook(SECRET, body, signature, now=now).event == "received"


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.7:8080/events",
        "http://localhost:8080/events",
        "http://127.0.0.1.example.org/events",
        "http://127.0.0.1@example.org/events",
        "http://user@127.0.0.1:8080/",
        "https://127.0.0.1:8443/events",
        "http://0.0.0.0:8080/",
        "http://[::2]:8080/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "/events",
        "",
    ],
)
def test_an_address_beyond_this_machine_is_refused(url: str) -> None:
    with pytest.raises(ContentRefused, match="is not on this machine"):
        LocalWebhook(url, SECRET)


def test_an_address_on_this_machine_is_split_as_it_stands() -> None:
    assert read_local("http://127.0.0.1:8080/a?b=c") == ("http://127.0.0.1:8080", "/a?b=c")
    assert read_local("http://[::1]:8080") == ("http://[::1]:8080", "/")


async def test_a_redirect_is_no_answer_and_leads_nowhere() -> None:
    with Receiver() as elsewhere, Receiver(answers=307, location=elsewhere.url) as receiver:
        webhook = LocalWebhook(receiver.url, SECRET)
        assert await webhook.post(BODY, NOW) is False
        await webhook.aclose()
    assert len(receiver.deliveries) == 1
    assert elsewhere.deliveries == []


async def test_a_proxy_of_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        webhook = LocalWebhook(receiver.url, SECRET)
        assert await webhook.post(BODY, NOW)
        await webhook.aclose()
    assert proxy.deliveries == []
    (delivery,) = receiver.deliveries
    assert read_webhook(SECRET, delivery.body, delivery.signature, now=NOW).number == 7

"""Webhooks and mail: what is sent, and what hostile providers get nowhere with."""

from __future__ import annotations

import asyncio
import email
import time
from typing import TYPE_CHECKING

import pytest
from tests.server.providers import FAILS, HANGS, TAKES, MailProvider, Provider

from quietway_schemas.wake import WAKE_TEXT
from quietway_server.bootstrap import make_notifiers
from quietway_server.errors import NotTakenError, StartError
from quietway_server.notify.email import Email, MailServer
from quietway_server.notify.webhook import Webhook
from quietway_server.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(16))
TARGET = "lead@agency.example"


def reaching(provider: Provider, seconds: float = 5.0) -> Webhook:
    return Webhook((), [provider.origin], seconds=seconds)


async def refused(webhook: Webhook, url: str) -> str:
    with pytest.raises(NotTakenError) as met:
        await webhook.notify(url, key=KEY)
    assert url not in str(met.value)
    return met.value.reason


async def test_a_webhook_gets_one_constant_request() -> None:
    with Provider() as provider:
        await reaching(provider).notify(provider.url("up/x?token=1"), key=KEY)
        (came,) = provider.came
    assert came.head == "POST /up/x?token=1 HTTP/1.1"
    assert came.body == WAKE_TEXT.encode() == b"New activity"
    assert dict(came.headers) == {
        "Host": f"127.0.0.1:{provider.port}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "quietway",
        "Content-Type": "text/plain; charset=utf-8",
        "TTL": "86400",
        "Urgency": "high",
        "Idempotency-Key": "AAECAwQFBgcICQoLDA0ODw",
        "Content-Length": "12",
    }


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_an_answer_of_2xx_means_taken(status: int) -> None:
    with Provider(f"HTTP/1.1 {status} Yes\r\nContent-Length: 0\r\n\r\n".encode()) as provider:
        await reaching(provider).notify(provider.url(), key=KEY)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 410, 429, 500, 503])
async def test_any_other_answer_means_not_taken(status: int) -> None:
    with Provider(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()) as provider:
        assert await refused(reaching(provider), provider.url()) == "status"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"HTTP/1.1 200 OK\r\nA" * 9,
    ],
)
async def test_what_is_not_http_means_not_taken(answer: bytes) -> None:
    with Provider(answer + b"\r\n\r\n") as provider:
        assert await refused(reaching(provider, 1.0), provider.url()) in {"connection", "time"}


async def test_a_provider_that_hangs_costs_its_time_and_no_more() -> None:
    with Provider(HANGS) as provider:
        began = time.monotonic()
        assert await refused(reaching(provider, 0.3), provider.url()) == "time"
        assert time.monotonic() - began < 5


async def test_answers_that_only_announce_another_cost_their_time_and_no_more() -> None:
    with Provider(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000) as provider:
        assert await refused(reaching(provider, 0.5), provider.url()) in {"time", "connection"}


async def test_a_head_without_end_is_not_read_to_its_end() -> None:
    with Provider(b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * 4_000_000) as provider:
        assert await refused(reaching(provider), provider.url()) == "connection"


async def test_of_an_answer_the_status_counts_and_its_body_is_not_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 8000000000\r\nSet-Cookie: a=b\r\n\r\n"
    with Provider(endless + b"x" * 65_536) as provider:
        webhook = reaching(provider)
        for _ in range(2):
            await webhook.notify(provider.url(), key=KEY)
        assert all(came.header("Cookie") == "" for came in provider.came)
        assert provider.connects == 2


async def test_nobody_there_means_not_taken() -> None:
    with Provider() as provider:
        gone = provider.url()
        webhook = reaching(provider)
    assert await refused(webhook, gone) == "connection"
    missing = Webhook(["https://no-such-host.invalid:443"])
    assert await refused(missing, "https://no-such-host.invalid/x") == "name"


async def test_a_host_is_checked_when_an_endpoint_is_left_and_again_when_it_is_used() -> None:
    webhook = Webhook(["https://push.example:443"])
    webhook.check("https://push.example/x")
    for other in ("https://other.example/x", "http://push.example/x", "nonsense"):
        with pytest.raises(NotTakenError):
            webhook.check(other)
        assert await refused(webhook, other) == "target"


def mailing(mail: MailProvider, seconds: float = 5.0) -> Email:
    return Email(MailServer("127.0.0.1", mail.port, "relay@relay.example"), seconds=seconds)


@pytest.mark.requirement("A46")
async def test_a_mail_says_one_constant_text() -> None:
    """A46: an open channel carries no location and no routine: an e-mail has one constant text."""
    with MailProvider() as mail:
        await mailing(mail).notify(TARGET, key=KEY)
        ((recipients, raw),) = mail.mails
    read = email.message_from_bytes(raw)
    assert recipients == (TARGET,)
    assert read["Subject"] == WAKE_TEXT
    assert read.get_payload().strip() == WAKE_TEXT  # type: ignore[union-attr]  # a text part
    assert read["Message-ID"] == "<AAECAwQFBgcICQoLDA0ODw@relay.example>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["From"] == "relay@relay.example"
    assert b"Received" not in raw


@pytest.mark.parametrize("answer", ["451 Later", "550 No"])
async def test_a_mail_that_the_server_refuses_is_not_taken(answer: str) -> None:
    with MailProvider(answer) as mail:
        with pytest.raises(NotTakenError) as met:
            await mailing(mail).notify(TARGET, key=KEY)
        assert met.value.reason == "status"


async def test_a_mail_server_that_hangs_or_is_gone_means_not_taken() -> None:
    with Provider(HANGS) as provider:
        server = Email(MailServer("127.0.0.1", provider.port, "a@b.example"), seconds=0.3)
        with pytest.raises(NotTakenError) as met:
            await server.notify(TARGET, key=KEY)
        assert met.value.reason in {"time", "connection"}
    with pytest.raises(NotTakenError, match="connection"):
        await server.notify(TARGET, key=KEY)


async def test_beyond_this_machine_mail_goes_through_tls_or_not_at_all() -> None:
    """The loopback server offers none; under a name that is not of loopback it is left."""
    with MailProvider() as mail:
        server = MailServer("127.0.0.2", mail.port, "relay@relay.example")
        with pytest.raises(NotTakenError):
            await Email(server, seconds=2.0).notify(TARGET, key=KEY)
        # The same address, reached by a spelling that is not on the list of loopback names.
        server = MailServer("localhost.", mail.port, "relay@relay.example", "user", "secret")
        with pytest.raises(NotTakenError):
            await Email(server, seconds=2.0).notify(TARGET, key=KEY)
        assert mail.mails == []


async def test_an_address_that_is_more_than_one_address_is_not_mailed_to() -> None:
    with MailProvider() as mail:
        for target in ("a@b.example\r\nBcc: c@d.example", "a@b.example,c@d.example", "a"):
            with pytest.raises(NotTakenError, match="target"):
                await mailing(mail).notify(target, key=KEY)
        assert mail.mails == []


def test_a_mail_server_prints_no_password() -> None:
    server = MailServer("mail.example", 587, "a@b.example", "user", "secret")
    assert "secret" not in repr(server)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"wake_hosts": "https://push.example"}, "--wake-hosts can't read"),
        ({"wake_hosts": "push.example/x"}, "--wake-hosts can't read"),
        ({"wake_hosts": "*.example"}, "--wake-hosts can't read"),
        ({"wake_own_hosts": "127.0.0.1:80"}, "--wake-own-hosts can't read"),
        ({"mail_server": "mail.example"}, "--mail-server must be like"),
        ({"mail_server": "mail.example:99999"}, "--mail-server must be like"),
        ({"mail_server": "mail.example:587"}, "set both, or none"),
        ({"mail_sender": "a@b.example"}, "set both, or none"),
        ({"mail_sender": "nobody"}, "--mail-sender can't read"),
        ({"mail_credentials": "file"}, "--mail-credentials is for"),
        ({"alarm_targets": "a@b.example"}, "set --mail-server too"),
        ({"alarm_targets": "https://push.example/x"}, "host is on no list"),
        ({"alarm_targets": "ftp://push.example/x"}, "--alarm-targets can't read"),
        ({"wake_canaries": "https://push.example/x"}, "a name of its own"),
        ({"wake_canaries": "a=https://push.example/x", "wake_hosts": "other.example"}, "no list"),
        (
            {
                "wake_canaries": "a=https://p.example/x,a=https://p.example/y",
                "wake_hosts": "p.example",
            },
            "a name of its own",
        ),
        ({"watch_seconds": "26"}, "--watch-seconds must be"),
    ],
)
def test_a_setting_that_can_not_be_used_stops_the_relay_with_a_sentence(
    options: dict[str, str | None], sentence: str
) -> None:
    with pytest.raises(StartError, match=sentence):
        read_settings(options, {})


def test_the_settings_make_what_sends(tmp_path: Path) -> None:
    settings = read_settings({"wake_hosts": "push.example, up.example:8443"}, {})
    assert settings.wake_hosts == {"https://push.example:443", "https://up.example:8443"}
    assert set(make_notifiers(settings)) == {"webhook"}
    credentials = tmp_path / "mail"
    named: dict[str, str | None] = {
        "mail_server": "mail.example:587",
        "mail_sender": "relay@relay.example",
        "mail_credentials": str(credentials),
    }
    with pytest.raises(StartError, match="can't be read"):
        make_notifiers(read_settings(named, {}))
    credentials.write_text("user\nsecret\n", "utf-8")
    assert set(make_notifiers(read_settings(named, {}))) == {"email"}
    hosts = {"wake_hosts": "push.example"}
    assert set(make_notifiers(read_settings({**named, **hosts}, {}))) == {"webhook", "email"}


async def test_many_at_once_do_not_wait_for_each_other() -> None:
    def answer(_: object) -> bytes:
        time.sleep(0.2)
        return TAKES

    with Provider(answer) as provider:
        webhook = reaching(provider, 10.0)
        await asyncio.gather(*(webhook.notify(provider.url(), key=KEY) for _ in range(20)))
        assert len(provider.came) == 20
    assert FAILS != TAKES

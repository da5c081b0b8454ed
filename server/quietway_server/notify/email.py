"""A mail through the operator's own server.

Rules: it goes to that server and to no other, protected by TLS except on a loopback address, and
says one constant text. All wake-ups are mails of one form.

Spec: docs/spec/wake-ups.md, "What is sent".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

import aiosmtplib

from quietway_crypto.encoding import encode_base64
from quietway_schemas.errors import ContentError
from quietway_schemas.wake import WAKE_TEXT, check_address
from quietway_server.core.waking import ATTEMPT_SECONDS
from quietway_server.errors import NotTakenError
from quietway_server.settings import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path

_TLS_PORT: Final = 465


@dataclass(frozen=True, slots=True)
class MailServer:
    """The operator's mail server.

    Attributes:
        host: Its name or address.
        port: Its port; 465 means TLS from the first byte.
        sender: The address that mail comes from.
        user: Who signs in; empty where nobody does.
        password: With what.
    """

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


def read_credentials(path: Path) -> tuple[str, str]:
    """Read a user and a password, each on a line of its own.

    Raises:
        OSError: The file can't be read.
        ValueError: It is not of this form.
    """
    lines = path.read_text("utf-8").splitlines()
    if len(lines) != 2 or not all(lines):  # noqa: PLR2004, a user and a password
        raise ValueError
    return lines[0], lines[1]


class Email:
    """Sends mail.

    Args:
        server: Through which server.
        seconds: How long an attempt may take.
    """

    def __init__(self, server: MailServer, *, seconds: float = ATTEMPT_SECONDS) -> None:
        self._server = server
        self._seconds = seconds

    def check(self, target: str) -> None:
        """Make sure that this is an address."""
        try:
            check_address(target)
        except ContentError:
            raise NotTakenError("target") from None

    async def notify(self, target: str, *, key: bytes, text: str = WAKE_TEXT) -> None:
        """Mail a text; coming back means that the mail server took it."""
        self.check(target)
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(target, key, text)
        except TimeoutError:
            raise NotTakenError("time") from None
        except aiosmtplib.SMTPResponseException:
            raise NotTakenError("status") from None
        except (aiosmtplib.SMTPException, OSError, ValueError):
            raise NotTakenError("connection") from None

    async def _send(self, target: str, key: bytes, text: str) -> None:
        server, from_first = self._server, self._server.port == _TLS_PORT
        is_local = server.host in LOOPBACK
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=self._seconds,
            # The name of this machine is nobody's business.
            local_hostname=server.sender.partition("@")[2],
            use_tls=from_first,
            # None: where the server offers it. Beyond this machine it is not a matter of offers.
            start_tls=None if is_local and not from_first else not from_first,
        )
        try:
            await client.connect()
            if server.user:
                await client.login(server.user, server.password)
            mail = self._write(target, key, text)
            await client.sendmail(server.sender, [target], mail.as_bytes())
        finally:
            client.close()

    def _write(self, target: str, key: bytes, text: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._server.sender
        mail["To"] = target
        mail["Subject"] = text
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = f"<{encode_base64(key)}@{self._server.sender.partition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text, cte="7bit")
        return mail

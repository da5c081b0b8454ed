"""The relay's settings as they are read: one value, checked whole before anything starts.

Rules: an option wins over its environment variable, which wins over the default. A value that can't
be used stops the relay with a sentence that names the setting; two that contradict each other are
both named. What may be set stands in `options`, where a host or target may lead in `targets`.

Spec: docs/reference/settings.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from quietway_schemas.wake import EMAIL, WEBHOOK, read_url
from quietway_server.errors import StartError
from quietway_server.options import SETTINGS
from quietway_server.targets import (
    read_canaries,
    read_hosts,
    read_own_hosts,
    read_sender,
    read_server,
    read_targets,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_schemas.wake import WakeEndpoint
    from quietway_server.options import Setting
    from quietway_server.targets import Canary

POSTGRES: Final = ("postgresql://", "postgres://")
NAME: Final = "quietway-relay"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one relay. See `SETTINGS` for what each means.

    Attributes:
        database: The SQLite file; with PostgreSQL, the name that files beside it would have.
        postgres: The address of a PostgreSQL database, or nothing. It may hold a password.
    """

    database: Path
    log_key: Path
    postgres: str = field(repr=False)
    database_password_file: str
    host: str
    port: int
    public_url: str
    operator_host: str
    operator_port: int | None
    max_database_bytes: int
    mailbox_envelopes: int
    mailbox_crisis_envelopes: int
    lane_envelopes: int
    max_blob_bytes: int
    lane_blob_bytes: int
    all_blob_bytes: int
    lane_crisis_envelopes: int
    mailbox_sockets: int
    max_requests: int
    crisis_requests: int
    max_connections: int
    max_sockets: int
    submit_sockets: int
    sweep_seconds: int
    drain_seconds: int
    wake_key: Path
    wake_hosts: frozenset[str]
    wake_own_hosts: frozenset[str]
    wake_canaries: tuple[Canary, ...]
    mail_server: tuple[str, int] | None
    mail_sender: str
    mail_credentials: Path | None
    alarm_targets: tuple[WakeEndpoint, ...]
    watch_url: str
    watch_seconds: int

    @property
    def shown_database(self) -> str:
        """Where the rows are, without a password."""
        if not self.postgres:
            return str(self.database)
        parts = urlsplit(self.postgres)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def log_book(self) -> Path:
        """The file of the log's book: beside the log key, named after it."""
        return self.log_key.with_name(f"{self.log_key.name.removesuffix('-log-key')}-log-book")

    @property
    def is_loopback(self) -> bool:
        """Whether the relay listens on this machine only."""
        return self.host in LOOPBACK


def read_settings(options: Mapping[str, str | None], environment: Mapping[str, str]) -> Settings:
    """Put the settings together.

    Args:
        options: By name; None where an option was not given.
        environment: The environment variables.

    Raises:
        StartError: A value can't be used.
    """
    text = {setting.name: _find(setting, options, environment) for setting in SETTINGS}
    number = {
        setting.name: _read_number(setting, text[setting.name])
        for setting in SETTINGS
        if isinstance(setting.default, int)
    }
    is_address = text["database"].startswith(POSTGRES)
    beside = NAME if is_address else text["database"]
    if Path(beside).is_dir():
        raise StartError("--database names a folder: name a file in it.")
    settings = Settings(
        database=Path(beside),
        postgres=text["database"] if is_address else "",
        log_key=Path(text["log_key"] or f"{beside}-log-key"),
        database_password_file=text["database_password_file"],
        host=text["host"],
        public_url=text["public_url"].rstrip("/"),
        operator_host=text["operator_host"],
        operator_port=_read_optional(_BY_NAME["operator_port"], text["operator_port"]),
        wake_key=Path(text["wake_key"] or f"{beside}-wake-key"),
        wake_hosts=read_hosts("--wake-hosts", text["wake_hosts"]),
        wake_own_hosts=read_own_hosts("--wake-own-hosts", text["wake_own_hosts"]),
        wake_canaries=read_canaries("--wake-canaries", text["wake_canaries"]),
        mail_server=read_server("--mail-server", text["mail_server"]),
        mail_sender=read_sender("--mail-sender", text["mail_sender"]),
        mail_credentials=Path(text["mail_credentials"]) if text["mail_credentials"] else None,
        alarm_targets=read_targets("--alarm-targets", text["alarm_targets"]),
        watch_url=text["watch_url"].rstrip("/"),
        **number,
    )
    _check_public_url(settings)
    _check_conflicts(settings)
    _check_telling(settings)
    return settings


def _find(
    setting: Setting, options: Mapping[str, str | None], environment: Mapping[str, str]
) -> str:
    option = options.get(setting.name)
    return option if option is not None else environment.get(setting.variable, str(setting.default))


def _read_number(setting: Setting, text: str) -> int:
    if not (text.isascii() and text.isdigit() and setting.least <= int(text[:20]) <= setting.most):
        raise StartError(
            f"{setting.option} must be a whole number between {setting.least} and {setting.most}:"
            f" change it, or unset {setting.variable}."
        )
    return int(text)


def _read_optional(setting: Setting, text: str) -> int | None:
    return _read_number(setting, text) if text else None


def _check_conflicts(settings: Settings) -> None:
    """Refuse what contradicts itself, and name both settings."""
    port = settings.operator_port
    if port and (settings.operator_host, port) == (settings.host, settings.port):
        raise StartError(
            "--operator-port and --port are the same: what an operator reads must not be reached"
            " where clients are; choose another for one of them."
        )
    if settings.log_key == settings.database:
        raise StartError(
            "--log-key and --database name one file: give the log key a file of its own."
        )
    if settings.mailbox_sockets > settings.max_sockets:
        raise StartError(
            "--mailbox-sockets is more than --max-sockets, so that one mailbox could take all:"
            " lower the first, or raise the second."
        )


def _check_telling(settings: Settings) -> None:
    """Refuse a target that nothing would ever be sent to: silence would look like peace."""
    if (settings.mail_server is None) != (not settings.mail_sender):
        raise StartError("--mail-server and --mail-sender are set together: set both, or none.")
    if settings.mail_credentials is not None and settings.mail_server is None:
        raise StartError("--mail-credentials is for the server of --mail-server: set that too.")
    hosts = settings.wake_hosts | settings.wake_own_hosts
    named = [("--alarm-targets", target) for target in settings.alarm_targets]
    named += [("--wake-canaries", canary.endpoint) for canary in settings.wake_canaries]
    for option, endpoint in named:
        if endpoint.kind == EMAIL and settings.mail_server is None:
            raise StartError(f"{option} names an address of mail: set --mail-server too.")
        if endpoint.kind == WEBHOOK and read_url(endpoint.target).origin not in hosts:
            raise StartError(
                f"{option} names a webhook whose host is on no list: add it to --wake-hosts, or to"
                " --wake-own-hosts where it is on your own network."
            )


def _check_public_url(settings: Settings) -> None:
    if not settings.public_url:
        if settings.is_loopback:
            return
        raise StartError(
            "--public-url is needed when the relay listens beyond this machine: give the https"
            " address under which clients reach it."
        )
    parts = urlsplit(settings.public_url)
    is_plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.netloc or parts.path or parts.query or not (parts.scheme == "https" or is_plain):
        raise StartError(
            "--public-url must be like https://relay.example, with no path (http only on loopback):"
            " correct it."
        )

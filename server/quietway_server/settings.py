"""The relay's settings: what an operator may set, by option or environment, and what each means.

Rules: `SETTINGS` is the whole list; the command line, the environment, docs/reference/settings.md
and the `Settings` value all follow it. An option wins over its environment variable, which wins
over the default. A value that can't be used stops the relay with a sentence that names the setting;
two that contradict each other are both named.

Spec: docs/reference/settings.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from quietway_schemas.wake import EMAIL, WEBHOOK, read_url
from quietway_server.errors import StartError
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
    from quietway_server.targets import Canary

PREFIX: Final = "QUIETWAY_RELAY_"
POSTGRES: Final = ("postgresql://", "postgres://")
NAME: Final = "quietway-relay"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LARGEST: Final = 2**50
_SERVING: Final = frozenset({"serve", "doctor", "support-bundle"})
"""Whoever serves, and whoever looks whether it can, or how it is set."""
_WITH_DATABASE: Final = _SERVING | {
    "backup",
    "enroll",
    "forget-wake-ups",
    "log-key",
    "migrate",
    "remove",
    "restore",
    "sweep",
}
_WITH_LOG: Final = _SERVING | {"log-key", "remove", "restore", "sweep"}
_TELLING: Final = _SERVING | {"watch"}
"""Whoever sends something out: wake-ups, or alarms to the operator."""
_WRITING: Final = _WITH_DATABASE - {"backup", "restore"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. A default that is a number means a whole number between `least` and `most`.

    Attributes:
        name: Its name.
        default: What counts where it is not set; an empty text where nothing does.
        meaning: What it means, in a sentence.
        least: The least number.
        most: The greatest number.
        is_number: Whether it is a number though nothing counts where it is not set.
        used_by: The commands that use it: those show it in their help.
    """

    name: str
    default: str | int
    meaning: str
    least: int = 0
    most: int = _LARGEST
    is_number: bool = False
    used_by: frozenset[str] = _SERVING

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    @property
    def option(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def shown(self) -> str:
        """The default, as the reference shows it."""
        return "none" if self.default == "" else f"`{self.default}`"


SETTINGS: Final = (
    Setting(
        "database",
        "quietway-relay.db",
        "The SQLite file, made where it is missing; or `postgresql://user@host/name`, which several"
        " relays may serve.",
        used_by=_WITH_DATABASE,
    ),
    Setting(
        "database_password_file",
        "",
        "The file with the password for PostgreSQL, for this user alone. Without it the address, or"
        " PostgreSQL's own environment and password file, may give one.",
        used_by=_WITH_DATABASE,
    ),
    Setting(
        "log_key",
        "",
        "The file with the key that signs the transparency log: 32 bytes as base64, for this user"
        " alone. By default it lies beside the database, under its name and `-log-key`, and with"
        " PostgreSQL it is `quietway-relay-log-key` here. It is made where the log is empty. Keep a"
        " copy apart from the database; relays on one database need the same.",
        used_by=_WITH_LOG,
    ),
    Setting("host", "127.0.0.1", "The address to listen on. A proxy in front does TLS."),
    Setting("port", 8740, "The port to listen on; 0 picks a free one.", most=65535),
    Setting(
        "public_url",
        "",
        "How clients reach the relay, as https://relay.example. Requests for other hosts are"
        " refused, except on loopback. Needed unless the host is a loopback address.",
    ),
    Setting(
        "operator_host",
        "127.0.0.1",
        "The address of the operator's listener. Whoever reaches it reads counts, without proof of"
        " who they are: keep it on this machine, or in a network of yours.",
    ),
    Setting(
        "operator_port",
        "",
        "The port of the operator's listener, which serves /healthz, /readyz, /metrics and"
        " /events; 0 picks a free one. Without it there is none.",
        most=65535,
        is_number=True,
    ),
    Setting(
        "max_database_bytes",
        0,
        "The most that the database may grow to, in bytes; 0 leaves the limit to the disk.",
        used_by=_WRITING,
    ),
    Setting(
        "mailbox_envelopes", 10_000, "How many envelopes wait in one mailbox at most.", least=1
    ),
    Setting(
        "mailbox_crisis_envelopes",
        1_000,
        "How many alarms wait in one mailbox at most, beside those.",
    ),
    Setting("lane_envelopes", 20_000, "How many envelopes one lane carries in its week.", least=1),
    Setting(
        "max_blob_bytes", 64 * 2**20, "How large one sealed file may be, in bytes.", least=2**17
    ),
    Setting(
        "lane_blob_bytes",
        256 * 2**20,
        "How many bytes of sealed files one lane may bring in its week.",
    ),
    Setting(
        "all_blob_bytes",
        4 * 2**30,
        "How many bytes all sealed files together may take; 0 takes none.",
    ),
    Setting(
        "lane_crisis_envelopes",
        2_000,
        "How many alarms one lane carries in its week, beside those.",
        least=1,
    ),
    Setting("mailbox_sockets", 4, "How many sockets one mailbox may hold open.", least=1),
    Setting("max_requests", 512, "How many requests are worked on at once.", least=1),
    Setting(
        "crisis_requests",
        64,
        "How many requests through lanes of kind crisis are worked on at once, beside those.",
        least=8,
    ),
    Setting(
        "max_connections",
        16_000,
        "How many connections are open at once, and never more than the files that the process may"
        " open allow.",
        least=64,
    ),
    Setting("max_sockets", 10_000, "How many mailbox sockets are open at once.", least=1),
    Setting(
        "submit_sockets",
        256,
        "How many submitting sockets are open at once; each may hold 1 MiB in memory.",
        least=1,
    ),
    Setting("sweep_seconds", 60, "How often what has expired is removed, in seconds.", least=1),
    Setting(
        "wake_key",
        "",
        "The file with the key under which endpoints of wake-ups are kept: 32 bytes as base64, for"
        " this user alone. By default it lies beside the database, under its name and `-wake-key`."
        " It is made where there are no endpoints. Keep a copy apart from the database.",
    ),
    Setting(
        "wake_hosts",
        "",
        "The public hosts that webhooks may lead to, separated by commas: `push.example`, or"
        " `push.example:8443`. https only, and public addresses only. Without them there are no"
        " webhooks.",
        used_by=_TELLING,
    ),
    Setting(
        "wake_own_hosts",
        "",
        "Hosts on your own network that webhooks may lead to although their addresses are private,"
        " separated by commas, with scheme and port: `http://127.0.0.1:8080`,"
        " `https://ntfy.lan`. Whoever may leave an endpoint can make the relay POST `New activity`"
        " to any path there.",
        used_by=_TELLING,
    ),
    Setting(
        "wake_canaries",
        "",
        "Endpoints of your own by which a provider that takes wake-ups and does nothing is found,"
        " separated by commas: `push=https://push.example/my-topic`. What receives them reports"
        " with `POST /wake/canary/push` on the operator's listener.",
    ),
    Setting(
        "mail_server",
        "",
        "The server that mail goes through, as `mail.example:587`. Port 465 means TLS from the"
        " first byte; else STARTTLS is needed, except on loopback. Without it there is no mail.",
        used_by=_TELLING,
    ),
    Setting("mail_sender", "", "The address that mail comes from.", used_by=_TELLING),
    Setting(
        "mail_credentials",
        "",
        "A file with the user and the password for the mail server, each on a line of its own.",
        used_by=_TELLING,
    ),
    Setting(
        "alarm_targets",
        "",
        "Where you are told that something is wrong, separated by commas: addresses of mail, and"
        " webhooks on the hosts above.",
        used_by=_TELLING,
    ),
    Setting(
        "watch_url",
        "http://127.0.0.1:8741",
        "The operator's listener that is watched.",
        used_by=frozenset({"watch"}),
    ),
    Setting(
        "watch_seconds",
        20,
        "How often it is asked, in seconds. Two questions in a row without a good answer are an"
        " alarm.",
        least=1,
        most=25,
        used_by=frozenset({"watch"}),
    ),
    Setting(
        "drain_seconds",
        5,
        "How long open requests get to finish at the end, in seconds.",
        least=1,
        most=8,
    ),
)


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


def find_unknown(environment: Mapping[str, str]) -> list[str]:
    """Give the variables that look like settings and are none, such as a mistyped name."""
    known = {setting.variable for setting in SETTINGS}
    return sorted(
        name for name in environment if name.upper().startswith(PREFIX) and name not in known
    )


def render_reference() -> str:
    """Write the table of docs/reference/settings.md."""
    lines = ["| option | environment | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{setting.option}` | `{setting.variable}` | {setting.shown} | {setting.meaning} |"
        for setting in SETTINGS
    ]
    return "\n".join(lines) + "\n"


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

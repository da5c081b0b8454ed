"""The relay's settings: what an operator may set, by option or environment, and what each means.

Rules: `SETTINGS` is the whole list; the command line, the environment, docs/reference/settings.md
and the `Settings` value all follow it. An option wins over its environment variable, which wins
over the default. A value that can't be used stops the relay with a sentence that names the setting.

Spec: docs/reference/settings.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from quietway_server.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "QUIETWAY_RELAY_"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LARGEST: Final = 2**50


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. A default that is a number means a whole number between `least` and `most`."""

    name: str
    default: str | int
    meaning: str
    least: int = 0
    most: int = _LARGEST

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
    Setting("database", "quietway-relay.db", "The SQLite file. It is made where it is missing."),
    Setting(
        "log_key",
        "",
        "The file with the key that signs the transparency log: 32 bytes as base64, for this user"
        " alone. By default it lies beside the database, under its name and `-log-key`. It is made"
        " where the log is empty. Keep a copy apart from the database.",
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
        "max_database_bytes",
        0,
        "The most that the database may grow to, in bytes; 0 leaves the limit to the disk.",
    ),
    Setting(
        "mailbox_envelopes", 10_000, "How many envelopes wait in one mailbox at most.", least=1
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
    Setting("max_sockets", 10_000, "How many mailbox sockets are open at once.", least=1),
    Setting(
        "submit_sockets",
        256,
        "How many submitting sockets are open at once; each may hold 1 MiB in memory.",
        least=1,
    ),
    Setting("sweep_seconds", 60, "How often what has expired is removed, in seconds.", least=1),
    Setting(
        "drain_seconds", 5, "How long open requests get to finish at the end, in seconds.", least=1
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one relay. See `SETTINGS` for what each means."""

    database: Path
    log_key: Path
    host: str
    port: int
    public_url: str
    max_database_bytes: int
    mailbox_envelopes: int
    lane_envelopes: int
    max_blob_bytes: int
    lane_blob_bytes: int
    all_blob_bytes: int
    lane_crisis_envelopes: int
    mailbox_sockets: int
    max_requests: int
    max_sockets: int
    submit_sockets: int
    sweep_seconds: int
    drain_seconds: int

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
    settings = Settings(
        database=Path(text["database"]),
        log_key=Path(text["log_key"] or f"{text['database']}-log-key"),
        host=text["host"],
        public_url=text["public_url"].rstrip("/"),
        **number,
    )
    _check_public_url(settings)
    return settings


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

"""Everything that an operator may set, by option or environment, and what each means.

Rules: `SETTINGS` is the whole list, in the order in which it is shown; the command line, the
environment, docs/reference/settings.md and the `Settings` value follow it. Nothing is read here.

Spec: docs/reference/settings.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "QUIETWAY_RELAY_"
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

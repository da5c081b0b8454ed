"""The access log as a file that anybody can check, without a store and without a network. Pure.

It holds what each device signed for one auditor's device, and the keys to check that with. Whoever
is handed it compares the keys' words with what the agency says of its devices: the file can't vouch
for its own keys.

Spec: docs/spec/access-log.md, "The file".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field

from quietway.errors import AccessFileRefused
from quietway.fingerprint import show_words
from quietway.views.access import AccessLog, KeptEvent, verify_logs
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Base64, Bytes32, WireModel
from quietway_schemas.ids import AgencyId, DeviceId

MOST_FILE_BYTES: Final = 64 * 1024 * 1024
_MOST_SIGNED: Final = 65_536


class FileDevice(WireModel):
    """A device that wrote lines, and its identity key."""

    device: DeviceId
    identity_key: Bytes32


class FileLine(WireModel):
    """A line, as its device signed it."""

    core: Annotated[bytes, Base64(1, _MOST_SIGNED)] = Field(repr=False)
    device: DeviceId
    header: Annotated[bytes, Base64(1, _MOST_SIGNED)] = Field(repr=False)
    signature: Annotated[bytes, Base64(1, _MOST_SIGNED)] = Field(repr=False)


class AccessFile(WireModel):
    """The file."""

    form: Literal["quietway-access/1"]
    agency: AgencyId
    devices: tuple[FileDevice, ...] = Field(repr=False)
    lines: tuple[FileLine, ...] = Field(repr=False)
    reader: DeviceId


@dataclass(frozen=True, slots=True)
class VerifiedAccess:
    """What an access file proves.

    Attributes:
        agency: Whose devices they are, as the file says.
        reader: The device of the auditor, for whom the lines were signed.
        words: Eight words for the key of each device: compare them with the agency's own.
        logs: Each device's lines, verified.
    """

    agency: AgencyId
    reader: DeviceId
    words: Mapping[DeviceId, str]
    logs: tuple[AccessLog, ...] = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether no log has a finding."""
        return not any(log.findings for log in self.logs)


def write_access_file(
    kept: Iterable[KeptEvent],
    *,
    agency: AgencyId,
    reader: DeviceId,
    keys: Mapping[DeviceId, bytes],
) -> bytes:
    """Write the lines that other devices signed for a reader, with the keys that are known."""
    lines = [
        FileLine(device=held.device, header=held.header, core=held.core, signature=held.signature)
        for held in kept
    ]
    return AccessFile(
        form="quietway-access/1",
        agency=agency,
        devices=tuple(FileDevice(device=one, identity_key=keys[one]) for one in sorted(keys)),
        lines=tuple(sorted(lines, key=lambda line: (line.device, line.core))),
        reader=reader,
    ).to_canonical()


def verify_access_file(raw: bytes) -> VerifiedAccess:
    """Check an access file. It takes no store, no passphrase and no network.

    Args:
        raw: The file, as it was exported.

    Returns:
        What it proves, findings and all.

    Raises:
        AccessFileRefused: It is no access file.
    """
    try:
        held = AccessFile.from_canonical(raw, max_bytes=MOST_FILE_BYTES)
    except SchemaError:
        raise AccessFileRefused from None
    keys = {one.device: one.identity_key for one in held.devices}
    kept = [KeptEvent(line.device, line.header, line.core, line.signature) for line in held.lines]
    return VerifiedAccess(
        agency=held.agency,
        reader=held.reader,
        words={device: show_words(key) for device, key in keys.items()},
        logs=verify_logs(kept, reader=held.reader, find_key=keys.get),
    )

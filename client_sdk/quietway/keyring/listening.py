"""The file `listen`: what a locked device needs to learn that something came, in the clear.

It holds the relay, the device's id and the listen key. With these the relay tells the newest number
of the mailbox, and nothing else: nothing can be read, acknowledged, said or published. So a device
on call can wake its human while it is locked. Who steals the file learns when something comes.

Spec: docs/spec/keys.md, "The keyring".
"""

from pathlib import Path
from typing import Final

from pydantic import Field

from quietway.errors import StoreDamaged, StoreMissing
from quietway.files import write_durably
from quietway_crypto.signing import SigningKey
from quietway_schemas.directory import RelayUrl
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Bytes32, WireModel
from quietway_schemas.ids import DeviceId

LISTEN_FILE: Final = "listen"
_MAX_BYTES: Final = 4_096


class Listening(WireModel):
    """Where to listen, as whom, and with which key."""

    device: DeviceId
    listen_seed: Bytes32 = Field(repr=False)
    relay: RelayUrl

    @property
    def key(self) -> SigningKey:
        """The listen key."""
        return SigningKey(self.listen_seed)


def read_listening(folder: Path) -> Listening:
    """Read the file of a device's folder.

    Raises:
        StoreMissing: There is none: no device, or one that was not opened since an upgrade.
        StoreDamaged: It can't be read.
    """
    try:
        raw = (folder / LISTEN_FILE).read_bytes()
        return Listening.from_canonical(raw, max_bytes=_MAX_BYTES)
    except FileNotFoundError:
        raise StoreMissing from None
    except SchemaError:
        raise StoreDamaged(LISTEN_FILE) from None


def write_listening(folder: Path, listening: Listening) -> None:
    """Write the file, where it does not hold just this already.

    Raises:
        StorageFull: There is no room. The file is as it was.
    """
    path, content = folder / LISTEN_FILE, listening.to_canonical()
    if not path.exists() or path.read_bytes() != content:
        write_durably(path, content)

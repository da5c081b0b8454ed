"""What only the root can do for an agency: its words, its custodians, its ops holders.

Until the root is taken offline its seed lies in this device's keyring. After that each of these
acts asks for the 24 words, uses the seed once, and keeps nothing of it.

An ops key is made on the device that will hold it, and only its public half leaves, as a line of
text that is read as carefully as a fingerprint. Who adds or removes one signs a new ops list with
the root, and a manifest that relies on it. Devices that the remaining ops keys no longer vouch for
are vouched for by the root itself, in the same version.

Rules: a person has typed the passphrase again before any of this is called. What the relay was not
told did not happen.

Spec: docs/spec/keys.md, "Root → ops list" and "Recovery".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import ContentRefused, NotFound, RootOffline
from quietway.keyring.publish import approve, build_ops_list, certify
from quietway.membership import with_ops_list
from quietway.recovery import make_recovery_file, read_custodian, read_root_words
from quietway.sheet import RecoverySheet
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import CryptoError, EncodingError
from quietway_crypto.signing import SigningKey, check_public_key
from quietway_crypto.words import SEED_BYTES, seed_to_words
from quietway_protocol.manifests import counts
from quietway_schemas.directory import MAX_OPS_LIST_BYTES, OPS_LIFE_MS, OpsList
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.recovery_file import RecoveryFile
    from quietway_crypto.secret import Secret
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import CertifiedDevice, SignedObject
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

_PREFIX: Final = "quietway-ops:"


def recovery_words(agent: Agent) -> tuple[str, ...]:
    """Write the root seed as 24 words, while it lies here.

    Raises:
        RootOffline: It lies on paper already.
    """
    seed = agent.keyring.root_seed
    if seed is None:
        raise RootOffline
    return seed_to_words(seed)


def recovery_sheet(agent: Agent) -> RecoverySheet:
    """Make the sheet with the root's words, to be printed and locked away.

    Raises:
        RootOffline: It lies on paper already.
    """
    keyring = agent.keyring
    return RecoverySheet(
        kind="root",
        agency_id=keyring.agency,
        agency_code=keyring.agency_code,
        relay=keyring.relay,
        root_key=keyring.root_key,
        at=agent.clock.now(),
        words=recovery_words(agent),
    )


def take_root_offline(agent: Agent, words: str) -> None:
    """Erase the root seed here, once somebody has typed its words from the printed sheet.

    Raises:
        WordsRefused: They are not its words. It stays.
    """
    read_root_words(words, agent.keyring.root_key)
    agent.keyring.forget_root()


def name_custodians(
    agent: Agent, custodians: Iterable[str], threshold: int, *, words: str | None = None
) -> RecoveryFile:
    """Seal the root seed to custodians, so that any `threshold` of them bring it back.

    Former recovery files go on opening: whoever has one, and its custodians, has the root.

    Args:
        agent: Of this device.
        custodians: Their public keys, as `make_custodian` gives them.
        threshold: How many of them it takes.
        words: The root's words, once it is offline.

    Raises:
        RootOffline, WordsRefused, ContentRefused: Nothing was made.
    """
    return make_recovery_file(
        agency_id=agent.keyring.agency,
        agency_code=agent.keyring.agency_code,
        root=_find_root(agent, words),
        custodians=[read_custodian(text) for text in custodians],
        threshold=threshold,
    )


def draw_ops_key(agent: Agent) -> str:
    """Make an ops key on this device, or show the one it has.

    Returns:
        Its public half as one line of text, for whoever holds the root. It counts for nothing
        before the root has signed it.
    """
    if agent.keyring.ops is None:
        agent.keyring.keep_ops(agent.entropy.draw(SEED_BYTES))
    ops = agent.keyring.ops
    return "" if ops is None else _PREFIX + encode_base64(ops.public)


def list_ops(agent: Agent) -> Mapping[str, Instant]:
    """List the agency's ops keys, each as one line of text, with their ends.

    Raises:
        NotFound: The agency's manifest is not known here.
    """
    ops = _manifest(agent).manifest.ops
    return {_PREFIX + encode_base64(held.key): held.expires for held in ops.ops}


async def add_ops_holder(
    agent: Agent, key: str, *, approvals: int | None = None, words: str | None = None
) -> tuple[DeviceId, ...]:
    """Let one more device vouch for others, for 400 days; one that is there already goes on anew.

    Args:
        agent: Of this device, which holds an ops key of the agency.
        key: The other's, as `draw_ops_key` gave it there.
        approvals: How many ops keys a new device takes from now on; None leaves it as it is.
        words: The root's words, once it is offline.

    Returns:
        The devices that the root vouches for itself from now on.

    Raises:
        RootOffline, WordsRefused, ContentRefused, NotFound: Nothing was changed.
        OutpacedByColleague, RelayError: Nothing was changed, as far as the relay told.
    """
    now = agent.clock.now()
    ops = {**_living(agent, now), _read_ops(key): now + OPS_LIFE_MS}
    wanted = _manifest(agent).manifest.ops.approvals if approvals is None else approvals
    return await _sign_ops(agent, ops, wanted, _find_root(agent, words), now)


async def remove_ops_holder(
    agent: Agent, key: str, *, words: str | None = None
) -> tuple[DeviceId, ...]:
    """Let a device vouch for nobody any more.

    What it alone vouched for, the root vouches for in the same version. So where it is in other
    hands, revoke first what it let in.

    Returns:
        The devices that the root vouches for itself from now on: show them to a person.

    Raises:
        RootOffline, WordsRefused, ContentRefused, NotFound: Nothing was changed.
        OutpacedByColleague, RelayError: Nothing was changed, as far as the relay told.
    """
    now, gone = agent.clock.now(), _read_ops(key)
    living = _living(agent, now)
    if gone not in living:
        raise NotFound("That ops key")
    ops = {held: expires for held, expires in living.items() if held != gone}
    wanted = min(_manifest(agent).manifest.ops.approvals, len(ops))
    return await _sign_ops(agent, ops, wanted, _find_root(agent, words), now)


async def _sign_ops(
    agent: Agent, ops: Mapping[bytes, Instant], approvals: int, root: Secret, now: Instant
) -> tuple[DeviceId, ...]:
    held, own, signer = _manifest(agent), agent.keyring.ops, SigningKey(root)
    if own is None or own.public not in ops:
        raise ContentRefused("ops", "would leave this device without a say: do it on another one.")
    try:
        ops_list = build_ops_list(
            signer,
            agency_id=held.manifest.agency_id,
            agency_code=held.manifest.agency_code,
            ops=ops,
            approvals=approvals,
            version=held.manifest.ops.version + 1,
            now=now,
        )
    except SchemaError:
        raise ContentRefused("ops", "are 1 to 8, and approvals at most as many.") from None
    lacking = _find_lacking(held, ops_list)
    devices = [_vouch(device, signer, lacking) for device in held.manifest.devices]
    signed = with_ops_list(held, ops_list, devices, ops=own, now=now)
    await agent.publisher.publish_manifest(signed)
    return lacking


def _find_lacking(held: ProvedManifest, ops_list: SignedObject) -> tuple[DeviceId, ...]:
    """Find the devices whose approvals would not count under a list."""
    ops = OpsList.from_canonical(ops_list.payload, max_bytes=MAX_OPS_LIST_BYTES)
    return tuple(
        device.read.device_id for device in held.manifest.devices if not counts(device, ops)
    )


def _vouch(
    device: CertifiedDevice, root: SigningKey, lacking: tuple[DeviceId, ...]
) -> CertifiedDevice:
    if device.read.device_id not in lacking:
        return device
    return certify(device.certificate, [approve(device.certificate, root)])


def _living(agent: Agent, now: Instant) -> dict[bytes, Instant]:
    ops = _manifest(agent).manifest.ops.ops
    return {held.key: held.expires for held in ops if held.expires > now}


def _manifest(agent: Agent) -> ProvedManifest:
    held = agent.publisher.own_manifest
    if held is None:
        raise NotFound("This agency's manifest")
    return held


def _find_root(agent: Agent, words: str | None) -> Secret:
    if words is not None:
        return read_root_words(words, agent.keyring.root_key)
    seed = agent.keyring.root_seed
    if seed is None:
        raise RootOffline
    return seed


def _read_ops(text: str) -> bytes:
    body = text.strip()
    try:
        if not body.startswith(_PREFIX):
            raise EncodingError(_PREFIX)
        public = decode_base64(body.removeprefix(_PREFIX))
        check_public_key(public)
    except CryptoError:
        raise ContentRefused("ops", "is no ops key: it is one line, and says so.") from None
    return public

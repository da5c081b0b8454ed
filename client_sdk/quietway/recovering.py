"""Bringing an agency back where none of its devices is left, or none that is trusted.

Theory of operation. The root seed comes back from the agency's own words, or from custodians and
the recovery file. As the root, this machine reads the directory and proves the agency's manifest.
It makes a device of its own with a new ops key, signs a new ops list that names this key alone, and
a manifest that certifies this device with the root's approval. All others are revoked in the same
version, but for those that are named to stay, whom the root approves again: the ops keys that once
vouched for them count no more. Partners see the same root key, so nothing has to be compared anew.

The root seed is not kept: it lies on paper, as before. The device's keys are on the disk before the
relay hears of them, in a folder within the device's own; where anything is cut off, it is begun
anew, and what the relay may have taken by then is revoked like the rest.

Rules: whose root it is, the seed itself shows, since the manifest must hold under it. Nothing is
made for a relay that does not answer, or while this machine's clock is wrong.

Spec: docs/spec/keys.md, "Recovery".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.agent import compare_clocks
from quietway.ambient import SystemClock, SystemEntropy
from quietway.assembling import put_together, refuse_taken
from quietway.errors import (
    ContentRefused,
    NotFound,
    OutpacedByColleague,
    RecoveryFileRefused,
    RelayRefused,
    WordsRefused,
)
from quietway.founding import check_founding, open_device
from quietway.keyring.body import Founding, draw_secrets
from quietway.keyring.keyring import Keyring
from quietway.keyring.publish import approve, build_certificate, build_ops_list, certify
from quietway.keyring.trust import Directory
from quietway.membership import taken_over
from quietway.own.rotating import answer
from quietway.own.sharing import date_secret
from quietway.ports import Put
from quietway.publishing import NOT_ENROLLED, STALE
from quietway.recovery import open_recovery_file, read_seed_words
from quietway.witnessing.view import LogView
from quietway_crypto.passphrase import PassphraseParameters
from quietway_crypto.signing import SigningKey
from quietway_schemas.directory import OPS_LIFE_MS
from quietway_schemas.errors import IdError
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.founding import Ports
    from quietway.keyring.body import DeviceSecrets
    from quietway.ports import Clock, Relay
    from quietway.recovery_file import RecoveryFile
    from quietway_crypto.secret import Secret
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import SignedObject
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

STANDING: Final = "standing"
AWAITS_SECRET: Final = b"awaits secret"
_MOST_PAGES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Recovery:
    """What an agency is brought back from, and as what.

    Attributes:
        relay: The relay's address.
        program: The new device's program, as `HARBOR-SHELTER`.
        roles: Its roles, as codes.
        words: The agency's own 24 words; or those of custodians, person by person.
        file: The recovery file, where the words are custodians'.
        agency: The agency, where the words are its own: the sheet has its id.
        keep: Devices that stay.
    """

    relay: str
    program: str
    roles: tuple[str, ...]
    words: tuple[str, ...]
    file: RecoveryFile | None
    agency: AgencyId | None
    keep: Collection[DeviceId]

    def find_root(self) -> tuple[AgencyId, Secret]:
        """Bring the root seed back.

        Raises:
            WordsRefused, TooFewCustodians, RecoveryFileRefused: See `recovery`.
            ContentRefused: The agency is not named.
        """
        if self.file is not None:
            return self.file.agency_id, open_recovery_file(self.file, self.words)
        if self.agency is None:
            raise ContentRefused("agency_id", "is missing: it stands on the sheet.")
        if len(self.words) != 1:
            raise WordsRefused("Without a recovery file there are the agency's own words alone.")
        return self.agency, read_seed_words(self.words[0])


def read_agency(named: AgencyId | str | None) -> AgencyId | None:
    """Read an agency's id as it was typed.

    Raises:
        ContentRefused: It is none.
    """
    if not isinstance(named, str):
        return named
    try:
        return AgencyId.from_text(named.strip())
    except IdError:
        raise ContentRefused("agency_id", "is not the id on the sheet: agy_ and 26 more.") from None


async def recover_device(
    home: Path,
    recovery: Recovery,
    *,
    passphrase: str,
    parameters: PassphraseParameters | None,
    ports: Ports,
) -> Agent:
    """Bring an agency back; see `AsyncClient.recover_agency`."""
    refuse_taken(home)
    code = recovery.program.partition("-")[0]
    founding = Founding(recovery.relay, code, recovery.program, recovery.roles)
    check_founding(founding, passphrase, ports)
    agency, root = await asyncio.to_thread(recovery.find_root)
    clock, entropy = ports.clock or SystemClock(), ports.entropy or SystemEntropy()
    relay = ports.connect(recovery.relay)(SigningKey(root), agency)
    try:
        compare_clocks(clock.now(), await relay.read_clock())
        held = await _read_manifest(relay, agency, root, now=clock.now())
        _check_against(held, recovery)
        secrets = replace(
            draw_secrets(founding, entropy=entropy),
            agency=agency,
            root_key=SigningKey(root).public,
            root_seed=None,
        )
        await put_together(
            home,
            secrets,
            _write_first_rows(held, secrets, recovery, now=clock.now()),
            keep=partial(
                Keyring.keep_secrets,
                held=secrets,
                passphrase=passphrase,
                entropy=entropy,
                parameters=parameters or PassphraseParameters.DEFAULT,
            ),
            store=ports.store,
            before_it_counts=partial(_publish, relay, held, root, recovery.keep, clock),
        )
    finally:
        await relay.aclose()
    agent = await open_device(home, passphrase=passphrase, accept_older_copy=False, ports=ports)
    try:
        await agent.synchronise()
    except BaseException:
        await agent.aclose()
        raise
    return agent


def _write_first_rows(
    held: ProvedManifest, secrets: DeviceSecrets, recovery: Recovery, *, now: Instant
) -> list[Put]:
    if recovery.keep:
        # With devices that stay the agency's secret is theirs, and this one awaits it.
        return [Put(STANDING, AWAITS_SECRET, b"1")]
    # The secret is a new one: none of those that are revoked ever knew it.
    revoked = [device.device_id for device in held.manifest.certificates]
    revoked += [gone.device_id for gone in held.manifest.departed]
    return [*answer(revoked, secrets.agency_secret.reveal()), date_secret(now)]


def take_over(
    held: ProvedManifest,
    keyring: Keyring,
    root: SigningKey,
    *,
    keep: Collection[DeviceId],
    now: Instant,
) -> SignedObject:
    """Sign the manifest by which a device takes over, on top of the one that is held.

    Args:
        held: The agency's newest.
        keyring: Of the device; it holds a new ops key.
        root: The agency's root key.
        keep: Devices that stay.
        now: When it is issued.

    Raises:
        ContentRefused: A device that is to stay is not one of the agency's.
    """
    former, ops = held.manifest, keyring.ops
    if ops is None:
        raise NotFound("An ops key")
    if set(keep) - {certificate.device_id for certificate in former.certificates}:
        raise ContentRefused("keep", "names a device that this agency does not certify.")
    ops_list = build_ops_list(
        root,
        agency_id=former.agency_id,
        agency_code=former.agency_code,
        ops={ops.public: now + OPS_LIFE_MS},
        approvals=1,
        version=former.ops.version + 1,
        now=now,
    )
    own = build_certificate(keyring, agency_owned=True, now=now)
    staying = [device.certificate for device in former.devices if device.read.device_id in keep]
    devices = [certify(payload, [approve(payload, root)]) for payload in (*staying, own)]
    return taken_over(held, ops_list, devices, ops=ops, now=now)


async def _publish(
    relay: Relay,
    held: ProvedManifest,
    root: Secret,
    keep: Collection[DeviceId],
    clock: Clock,
    keyring: Keyring,
) -> None:
    signed = take_over(held, keyring, SigningKey(root), keep=keep, now=clock.now())
    try:
        await relay.put_manifest(keyring.agency, signed)
    except RelayRefused as refused:
        if refused.code == STALE:
            raise OutpacedByColleague from None
        raise


async def _read_manifest(
    relay: Relay, agency: AgencyId, root: Secret, *, now: Instant
) -> ProvedManifest:
    """Read the directory as the root, and prove the agency's newest manifest.

    Raises:
        WordsRefused: This root key is not the one that the relay knows the agency by.
        NotFound: The relay shows no manifest that holds.
    """
    # Paper does not tell of the log: the one that is shown is believed here, and compared later.
    directory, log = Directory(), LogView()
    directory.pin(agency, SigningKey(root).public)
    try:
        for _ in range(_MOST_PAGES):
            before = directory.cursor
            page = await relay.directory(before, log_size=log.size)
            logged, _ = log.admit(page, now=now)
            directory.apply(logged, now=now)
            if not page.more or directory.cursor <= before:
                break
    except RelayRefused as refused:
        if refused.code != NOT_ENROLLED:
            raise
        raise WordsRefused(
            "The relay knows no such agency under the root key of these words: look at the id, the "
            "sheet and the relay's address."
        ) from None
    held = directory.manifest(agency)
    if held is None:
        raise NotFound("A manifest of this agency")
    return held


def _check_against(held: ProvedManifest, recovery: Recovery) -> None:
    code = held.manifest.agency_code
    if recovery.file is not None and recovery.file.agency_code != code:
        raise RecoveryFileRefused("other_agency")
    if recovery.program.partition("-")[0] != code:
        raise ContentRefused("program", f"does not begin with the agency's code, {code}.")

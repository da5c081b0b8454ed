"""How a new device becomes one of an agency's: it asks, is answered, and joins.

Nothing here is believed because the relay or the offer says so. The offer's root key is pinned only
after a person has confirmed the words, and so are its log key and first checkpoint; the keyring is
made only when a manifest under that root, which lies in that log, certifies exactly the keys that
this device drew. Until then everything can be given up by deleting one file.

Spec: docs/spec/keys.md, "Linking a device".
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from quietway.agent import compare_clocks
from quietway.ambient import SystemClock, SystemEntropy
from quietway.errors import (
    LinkRefused,
    NotYetApproved,
    PassphraseTooWeak,
    RelayRefused,
    StoreExists,
)
from quietway.files import make_private_folder
from quietway.folder import KEYRING_FILE
from quietway.founding import make_device, open_device
from quietway.keyring.body import DeviceSecrets, Founding, draw_secrets
from quietway.keyring.trust import Directory
from quietway.linking import derive_words, same_words
from quietway.own.deciding import read_offer
from quietway.pending import draw_pending, is_pending, open_pending, write_pending
from quietway.transport.address import require_safe_address
from quietway.witnessing.view import LogView
from quietway_crypto.errors import PassphraseRefusedError
from quietway_crypto.passphrase import PassphraseParameters, check_passphrase

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.founding import Ports
    from quietway.keyring.standing import VerifiedDevice
    from quietway.linking import DeviceOffer, DeviceRequest
    from quietway.pending import PendingDevice
    from quietway.ports import Entropy

_NOT_KNOWN = "not_authenticated"


async def request_link(
    home: Path,
    *,
    passphrase: str,
    agency_owned: bool,
    parameters: PassphraseParameters | None,
    ports: Ports,
) -> DeviceRequest:
    """Draw a new device's keys, or go on with those drawn before."""
    if (home / KEYRING_FILE).exists():
        raise StoreExists
    if is_pending(home):
        held = await asyncio.to_thread(open_pending, home, passphrase=passphrase)
        if held.request.agency_owned == agency_owned:
            return held.request
    try:
        check_passphrase(passphrase)
    except PassphraseRefusedError as refused:
        raise PassphraseTooWeak(str(refused)) from None
    make_private_folder(home)
    entropy = ports.entropy or SystemEntropy()
    drawn = draw_pending(agency_owned=agency_owned, entropy=entropy)
    await asyncio.to_thread(
        write_pending,
        home,
        drawn,
        passphrase=passphrase,
        parameters=parameters or PassphraseParameters.DEFAULT,
        entropy=entropy,
    )
    return drawn.request


async def show_link_words(
    home: Path, *, passphrase: str, offer: DeviceOffer | str
) -> tuple[str, ...]:
    """Derive the words of an offer to this device; see `AsyncClient.read_offer`."""
    offer = read_offer(offer)
    pending = await asyncio.to_thread(open_pending, home, passphrase=passphrase)
    return await asyncio.to_thread(derive_words, pending.request, offer)


async def join_agency(
    home: Path,
    *,
    passphrase: str,
    offer: DeviceOffer | str,
    words: Sequence[str] | str,
    parameters: PassphraseParameters | None,
    system_keyring: bool,
    ports: Ports,
) -> Agent:
    """Become one of an agency's devices; see `AsyncClient.join`."""
    offer = read_offer(offer)
    log = LogView()
    log.pin(*offer.log, shown_by="offer")
    if not (home / KEYRING_FILE).exists():
        pending = await asyncio.to_thread(open_pending, home, passphrase=passphrase)
        await asyncio.to_thread(check_words, pending.request, offer, words)
        if ports.relay is None:
            require_safe_address(offer.told.relay)
        certified = await _find_own_certificate(pending, offer, ports, log)
        secrets = _turn_into_secrets(pending, offer, certified, ports.entropy or SystemEntropy())
        agent = await make_device(
            home,
            passphrase,
            secrets.founding,
            parameters or PassphraseParameters.DEFAULT,
            ports,
            system_keyring=system_keyring,
            secrets=secrets,
        )
    else:
        # It was cut off after the keyring was made: the words were confirmed then.
        agent = await open_device(home, passphrase=passphrase, accept_older_copy=False, ports=ports)
    try:
        check_goes_on(agent, offer)
        agent.log.pin(*offer.log, shown_by="offer")
        await agent.synchronise()
    except BaseException:
        await agent.aclose()
        raise
    return agent


def check_words(request: DeviceRequest, offer: DeviceOffer, words: Sequence[str] | str) -> None:
    """Demand that the words a person compared are those of this request and this offer.

    Raises:
        LinkRefused: They are others. Nothing was pinned.
    """
    if not same_words(words, derive_words(request, offer)):
        raise LinkRefused("words")


def check_goes_on(agent: Agent, offer: DeviceOffer) -> None:
    """Demand that the device in the folder is one that this offer was made to.

    Raises:
        StoreExists: It is another agency's. It was not touched.
    """
    if (agent.keyring.agency, agent.root_key) != (offer.agency_id, offer.told.root_key):
        raise StoreExists


async def _find_own_certificate(
    pending: PendingDevice, offer: DeviceOffer, ports: Ports, log: LogView
) -> VerifiedDevice:
    """Look for this device in the agency's manifest, under the root key that was compared.

    Raises:
        NotYetApproved: No manifest certifies it yet.
        LinkRefused: One does, with other keys.
        AnotherLog, LogRolledBack: The relay shows another log than the offer does.
    """
    clock = ports.clock or SystemClock()
    told = pending.request.told
    connect = ports.connect(offer.told.relay)
    relay = connect(pending.identity, told.device_id)
    directory = Directory()
    directory.pin(offer.agency_id, offer.told.root_key)
    try:
        compare_clocks(clock.now(), await relay.read_clock())
        more = True
        while more:
            page = await relay.directory(directory.cursor, log_size=log.size)
            logged, _ = log.admit(page, now=clock.now())
            directory.apply(logged, now=clock.now())
            more = page.more
    except RelayRefused as refused:
        if refused.code == _NOT_KNOWN:
            raise NotYetApproved from None
        raise
    finally:
        await relay.aclose()
    found = directory.device(offer.agency_id, told.device_id)
    if found is None:
        raise NotYetApproved
    if (found.identity_key, found.listen_key, found.mailbox) != (
        told.identity_key,
        told.listen_key,
        told.mailbox,
    ):
        raise LinkRefused("certificate")
    return found


def _turn_into_secrets(
    pending: PendingDevice, offer: DeviceOffer, certified: VerifiedDevice, entropy: Entropy
) -> DeviceSecrets:
    told = offer.told
    founding = Founding(told.relay, told.agency_code, certified.program, certified.roles)
    # What is drawn anew beside the keys: the store's key, and a stand-in for the agency's secret.
    return replace(
        draw_secrets(founding, entropy=entropy),
        agency=told.agency_id,
        device=pending.request.told.device_id,
        mailbox=pending.request.told.mailbox,
        identity_seed=pending.identity_seed,
        listen_seed=pending.listen_seed,
        root_key=told.root_key,
        root_seed=None,
        ops_seed=None,
    )

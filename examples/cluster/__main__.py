"""`make cluster`: two relays on one PostgreSQL, one of them dies, and nothing is lost.

It needs no privileges and no service: PostgreSQL comes with the requirements of the tests. It runs
on free ports in temporary folders, says what it does step by step, and ends by itself. Exit codes:
0 everything came, once; 1 something did not; 130 when it was stopped. It leaves nothing behind.

Spec: docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from examples.cluster.proxy import Proxy
from tests.cluster import Cluster
from tests.postgres_server import IMMEDIATE, PostgresServer

from quietway import Client, PassphraseParameters, QuietwayError

PASSPHRASE = "a passphrase that guards nothing here"
# The least that the passphrase's own rules allow: what is made here is gone in a minute.
QUICK = PassphraseParameters(time_cost=1, memory_kib=64, parallelism=1)
PROGRAMS = (("HARBOR-SHELTER", "shelter_staff"), ("MERCY-SOCIALWORK", "hospital_social_worker"))
EACH_TIME = 10


def main() -> int:
    """Play it, and return the exit code."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        with ExitStack() as stack:
            sent, came = _play(stack)
    except KeyboardInterrupt:
        print("Stopped; everything that was started has ended.")
        return 130
    except (QuietwayError, AssertionError) as error:
        print(f"It did not come out as it must: {error}")
        return 1
    if sorted(came) != sorted(sent):
        lost, twice = set(sent) - set(came), len(came) - len(set(came))
        print(f"It did not come out as it must: {len(lost)} lost, {twice} came twice.")
        return 1
    print(f"\nAll {len(sent)} messages came, each once. Nothing was lost.")
    return 0


def _play(stack: ExitStack) -> tuple[list[str], list[str]]:
    """Send, kill, deliver; give what was sent and what came."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quietway-cluster-")))
    _say("PostgreSQL starts, in a folder of its own, reached by a Unix socket alone.")
    server = stack.enter_context(PostgresServer())
    proxy = stack.enter_context(Proxy())
    _say(f"Two relays start on one database, under one public address, {proxy.url}.")
    options = {"public_url": proxy.url}
    cluster = stack.enter_context(Cluster(folder, server.make_database(), options=options))
    for name, relay in zip(("one", "two"), cluster.relays, strict=True):
        print(f"   relay {name} listens on {relay.url}, process {relay.pid}")
    proxy.lead_to(cluster.one.port)

    _say("Two agencies enrol and become partners, through relay one.")
    shelter, hospital = [
        stack.enter_context(_found(cluster, folder, proxy.url, program, role))
        for program, role in PROGRAMS
    ]
    hospital.partners.add(shelter.partners.invite(hospital.program))
    shelter.partners.add(hospital.partners.invite(shelter.program))
    for client in (shelter, hospital, shelter):
        client.sync()

    sent = _send(hospital, "before anything happens")
    _say(f"The hospital has sent {len(sent)} messages through relay one; the shelter is away.")
    cluster.one.kill()
    proxy.lead_to(cluster.two.port)
    _say("Relay one is killed, without a warning. The address leads to relay two now.")
    came = _fetch(shelter)
    print(f"   the shelter fetches {len(came)} messages through relay two")

    server.stop(IMMEDIATE)
    server.start()
    _say("PostgreSQL crashes, and recovers from its log. Relay two stays, and connects again.")
    sent += _send(hospital, "after the crash")

    cluster.one.restart()
    cluster.two.kill()
    proxy.lead_to(cluster.one.port)
    _say("Relay one is back, and relay two is killed. The address leads to relay one again.")
    sent += _send(hospital, "through relay one, again")
    came += _fetch(shelter)
    print(f"   the shelter fetches the rest: {len(came)} of {len(sent)} messages are here")
    return sent, came


def _found(cluster: Cluster, folder: Path, url: str, program: str, role: str) -> Client:
    return Client.found(
        folder / program.lower(),
        passphrase=PASSPHRASE,
        relay=url,
        enrolment_code=cluster.enroll(),
        agency_code=program.partition("-")[0],
        program=program,
        roles=(role,),
        parameters=QUICK,
    )


def _send(client: Client, when: str) -> list[str]:
    """Send messages, and see that the relay has answered for each."""
    texts = [f"Message {number}, {when}" for number in range(1, EACH_TIME + 1)]
    for text in texts:
        client.messages.send(text, to="HARBOR")
    for _ in range(30):
        if not client.sync().problems:
            return texts
    raise AssertionError("The relay did not take what was sent.")


def _fetch(client: Client) -> list[str]:
    """Fetch what waits, and give the texts that are new."""
    known = {held.message_id for held in client.inbox()}
    client.sync()
    new = [held for held in client.inbox() if held.message_id not in known]
    return [str(held.content.text) for held in new if hasattr(held.content, "text")]


def _say(step: str) -> None:
    print(f"\n-- {step}", flush=True)


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

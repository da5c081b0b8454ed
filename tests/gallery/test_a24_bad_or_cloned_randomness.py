"""Row 24: randomness that is constant, or the same in two places at once.

The attacker has nothing to do but wait: a virtual machine is restored from a snapshot, a worker
process is forked after the generator was used, or the system's source is replaced by a constant.
Defences: the package keeps no generator of its own; both libraries draw from the operating system
for each box and survive a fork; a sample of the system's randomness is looked at before the first
key is made. Needs a system that can fork.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.controls import without

from quietway_crypto import health
from quietway_crypto.errors import RandomnessError
from quietway_crypto.suites import Suite, derive_keypair

CHILDREN = 64
# A process of its own, because forking a test runner that has threads is no fair test of anything.
PROGRAM = f"""
import os, sys
import pytest
from quietway_crypto.seal import seal
from quietway_crypto.suites import Suite, derive_keypair
from tests.controls import without

PAIRS = [derive_keypair(suite, bytes(32)) for suite in Suite]

def seal_all():
    return b"".join(seal(each.suite, each.public, b"inner", header=bytes(37)) for each in PAIRS)

if sys.argv[1] == "control":
    import random
    generator = random.Random(24)
    patch = pytest.MonkeyPatch()
    for module in ("sealedbox", "hpke_xwing"):
        replacement = lambda public, inner, info: generator.randbytes(len(inner) + 48)
        without(patch, "quietway_crypto.suites." + module + ":seal", replacement)

seal_all()  # whatever state there is exists before the fork
for _ in range({CHILDREN}):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, seal_all())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    print(os.read(reader, 65536).hex())
    os.close(reader)
"""


def _seal_in_children(mode: str) -> list[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.split()


def test_forked_children_never_seal_with_the_same_randomness() -> None:
    sealed = [bytes.fromhex(text) for text in _seal_in_children("product")]
    assert len(sealed) == CHILDREN
    # The ephemeral key of the sealed box, and both shares of the hybrid.
    for start, end in ((0, 32), (53, 53 + 1088), (53 + 1088, 53 + 1120)):
        assert len({each[start:end] for each in sealed}) == CHILDREN


def test_control_a_generator_of_our_own_would_repeat_itself_in_every_child() -> None:
    assert len(set(_seal_in_children("control"))) == 1


@pytest.mark.parametrize("constant", [bytes(32), b"\xff" * 32, bytes(range(32))])
def test_a_system_that_answers_with_a_constant_is_stopped_at_the_start(constant: bytes) -> None:
    with pytest.raises(RandomnessError):
        health.check_randomness(constant + constant)


def test_control_without_the_look_a_constant_passes_and_every_key_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_crypto.health:check_randomness", lambda _sample: None)
    constant = bytes(range(32))
    health.check_randomness(constant + constant)
    one, other = (derive_keypair(Suite.HYBRID, constant) for _device in range(2))
    assert one == other

"""The log's vectors, which were made by the page and not by the product, judged by the product."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import quietway_crypto
from quietway_crypto.errors import ProofRefusedError
from quietway_crypto.merkle import (
    hash_leaf,
    roots_from_consistency,
    verify_consistency,
    verify_inclusion,
)
from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.errors import CheckpointRefusedError
from quietway_schemas.ids import AgencyId
from quietway_schemas.log import LogLeaf

PACKAGE = Path(quietway_crypto.__file__).parent
FOLDER = PACKAGE.parent / "vectors" / "log"
VECTORS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def _hash(opening: dict[str, Any]) -> bytes:  # values of JSON
    leaf = LogLeaf(
        kind=opening["kind"],
        nonce=bytes.fromhex(opening["nonce"]),
        agency_id=AgencyId(bytes.fromhex(opening["agency"])),
        manifest_hash=bytes.fromhex(opening["manifest_hash"]),
    )
    return hash_leaf(leaf.to_bytes())


def _judge(vector: dict[str, Any]) -> str:
    """Name what comes of a vector; nothing where it holds."""
    if vector["what"] == "checkpoint":
        try:
            read_checkpoint(vector["note"], bytes.fromhex(vector["log_key"]))
        except CheckpointRefusedError as refused:
            return refused.reason
        return ""
    path = [bytes.fromhex(node) for node in vector["path"]]
    try:
        if vector["what"] == "inclusion":
            root, leaf = bytes.fromhex(vector["root"]), _hash(vector["opening"])
            verify_inclusion(leaf, vector["index"], vector["size"], path, root)
            return ""
        sizes = vector["old_size"], vector["new_size"]
        roots = bytes.fromhex(vector["old_root"]), bytes.fromhex(vector["new_root"])
        old, new = roots_from_consistency(*sizes, path)
        if new == roots[1] and old != roots[0]:
            return "fork"
        verify_consistency(*sizes, path, *roots)
    except ProofRefusedError:
        return "proof"
    return ""


@pytest.mark.parametrize("name", VECTORS)
def test_each_vector_comes_out_as_it_says(name: str) -> None:
    assert _judge(VECTORS[name]) == VECTORS[name]["refusal"]
    assert ("refused" in name) == (VECTORS[name]["refusal"] not in {"", "fork"})


def test_the_vectors_are_those_that_the_script_writes(tmp_path: Path) -> None:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    subprocess.run(
        [sys.executable, str(FOLDER.parent / "make_log_vectors.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    )
    made = {each.stem: json.loads(each.read_text("utf-8")) for each in tmp_path.glob("*.json")}
    assert made == VECTORS
    assert len(VECTORS) == 21

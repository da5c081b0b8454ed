"""Broken files of every kind: each is answered for. Spec: docs/spec/cleaning.md, "Kinds"."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.cleaning.fuzz_program import break_somewhere
from tests.client_sdk.cleaning.pages import write_office_pdf
from tests.client_sdk.cleaning.photographs import take
from tests.house.pages import ROOT

from quietway.errors import AttachmentUnfit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from quietway.cleaning.cleaned import Cleaned

COUNT = 40


def list_files(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def test_every_broken_file_is_cleaned_or_refused() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    done = subprocess.run(
        [sys.executable, "-m", "tests.client_sdk.cleaning.fuzz_program", str(seed), str(COUNT)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-2000:]}"
    told = json.loads(done.stdout)
    assert all(answers["cleaned"] + answers["refused"] == COUNT for answers in told.values())
    assert sum(answers["refused"] for answers in told.values()) > COUNT


@pytest.mark.parametrize("number", range(4))
async def test_a_broken_file_never_reaches_the_asking_process(
    number: int, cleaned: Callable[..., Awaitable[Cleaned]], home: Path
) -> None:
    whole = write_office_pdf() if number % 2 else take("WEBP")
    content = break_somewhere(whole, random.Random(number))
    try:
        new = await cleaned(content)
    except AttachmentUnfit:
        assert list_files(home) == []
    else:
        assert new.path.stat().st_size == new.length

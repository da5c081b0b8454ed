"""A partner's first program: the one that the README shows, run as it stands there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.relay_process import product_environment

README: Final = Path(__file__).resolve().parents[2] / "README.md"
HEADING: Final = "## Your first program"


def read_program() -> tuple[str, str]:
    """Return the README's program, and what the README says that it prints."""
    section = README.read_text(encoding="utf-8").partition(HEADING)[2]
    program = section.partition("```python\n")[2].partition("```")[0]
    shown = section.partition("```text\n")[2].partition("```")[0]
    return program, shown


@pytest.mark.requirement("D04")
def test_a_partners_first_program_sends_and_receives_a_referral_in_under_20_lines(
    tmp_path: Path,
) -> None:
    """D04: partner apps embed the SDK: a stable API that needs no user interface and no server."""
    program, shown = read_program()
    lines = [line for line in program.splitlines() if line.strip()]

    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=product_environment(HOME=str(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert len(lines) < 20
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == shown
    assert list(tmp_path.iterdir()) == []


def test_the_first_program_imports_nothing_but_the_sdk() -> None:
    program, _ = read_program()
    imports = [line for line in program.splitlines() if "import" in line.split()]

    assert imports
    assert all(line.startswith(("from quietway", "import quietway")) for line in imports)

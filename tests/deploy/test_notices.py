"""The notices name every library, with the words of its licence, or refuse to be written."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PathDistribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from types import ModuleType

PROGRAM: Final = Path(__file__).resolve().parents[2] / "deploy" / "notices.py"


@pytest.fixture(scope="module")
def notices() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notices", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _library(folder: Path, metadata: str) -> PathDistribution:
    home = folder / "silent-1.dist-info"
    home.mkdir()
    (home / "METADATA").write_text(f"Metadata-Version: 2.4\nName: silent\nVersion: 1\n{metadata}")
    (home / "RECORD").write_text("")
    return PathDistribution(home)


def test_a_library_stands_there_with_the_words_of_its_licence(notices: ModuleType) -> None:
    text = notices.render([distribution("fastapi"), distribution("websockets")])
    assert text.index("fastapi ") < text.index("websockets ")
    assert "Permission is hereby granted" in text
    assert "Redistribution and use in source and binary forms" in text


def test_data_of_others_is_named_with_its_licence(notices: ModuleType) -> None:
    text = notices.render([distribution("fastapi")])
    assert "GeoNames (https://www.geonames.org)" in text
    assert "https://creativecommons.org/licenses/by/4.0/" in text


def test_a_library_that_brings_no_text_is_named_all_the_same(
    notices: ModuleType, tmp_path: Path
) -> None:
    assert "silent 1: MIT" in notices.render([_library(tmp_path, "License-Expression: MIT\n")])


def test_nothing_is_written_where_a_licence_is_unknown(notices: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="silent says nothing"):
        notices.render([_library(tmp_path, "")])

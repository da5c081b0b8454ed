"""The harness of `make bench`, on the smallest real round: it may not rot between two benches."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.place import Place
from bench.processes import NotMeasuredError, Process
from bench.windows import Window

# Elsewhere `make bench` says that it is for Linux, and there is no window to run.
if Path("/proc/self/stat").exists():

    @pytest.mark.parametrize(
        "window",
        [
            Window("relay", "http", batch=5, clients=4, whole=200),
            Window("relay", "websocket", batch=5, clients=4, whole=200),
            Window("always", "nats", batch=5, clients=4, whole=200),
        ],
        ids=str,
    )
    def test_a_window_counts_what_a_real_server_accepted(window: Window, tmp_path: Path) -> None:
        with Place(seconds=0.2, build=tmp_path) as place:
            seen = window.run(place)
        assert seen.all_envelopes == 200
        assert 0 < seen.p50_us <= seen.p99_us
        assert list(tmp_path.iterdir()) == []


def test_leaving_the_place_ends_what_still_runs(tmp_path: Path) -> None:
    with Place(seconds=0.2, build=tmp_path) as place:
        left = Process(["sleep", "60"], log=place.folder / "log", environment={})
    assert left.child.returncode is not None


def test_what_cannot_be_compiled_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with Place(seconds=0.2, build=tmp_path) as place, pytest.raises(NotMeasuredError):
        place.compile(tmp_path / "a.c")

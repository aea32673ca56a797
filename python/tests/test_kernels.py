"""Interrupts and ends of a real notebook kernel. Skipped where jupyter_client is not installed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import SMALL

import circuitprobe as cp
from circuitprobe.engine import call_json

manager = pytest.importorskip("jupyter_client.manager", reason="jupyter_client is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

#: Seconds within which an engine ends.
PATIENCE = 30


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Any]:
    started, client = manager.start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    yield started, client
    client.stop_channels()
    if started.is_alive():
        started.shutdown_kernel(now=True)


def engines_in(folder: Path) -> list[int]:
    """Processes of the engine whose command line names a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:  # It has ended.
            continue
        if words[0].endswith("cprobe") and str(folder) in words and state != "Z":
            found.append(int(process.name))
    return found


def wait_for(is_so: Any) -> bool:
    end = time.monotonic() + PATIENCE
    while not is_so() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(is_so())


def begin(client: Any, toy: cp.Model, data: Path, out: Path) -> str:
    """A cell that fits for hours. Returns when the engine is at work."""
    small = {**SMALL, "fit": {"epochs": 1_000_000, "batch_size": 8}}
    cell = client.execute(
        f"import circuitprobe as cp\ncp.probe({str(toy.folder)!r}, {str(data)!r}, 'b', out={str(out)!r}, **{small!r})"
    )
    assert wait_for(lambda: (out / "run.sqlite").exists())
    assert wait_for(lambda: call_json(["inspect", out])["running"] > 0)
    return str(cell)


def test_an_interrupted_cell_says_what_was_kept_and_leaves_no_process(
    kernel: Any, toy: cp.Model, sums: pd.DataFrame, tmp_path: Path
) -> None:
    started, client = kernel
    sums.to_csv(tmp_path / "data.csv", index=False)
    cell = begin(client, toy, tmp_path / "data.csv", tmp_path / "run")
    started.interrupt_kernel()
    reply = client.get_shell_msg(timeout=PATIENCE)
    assert reply["parent_header"]["msg_id"] == cell
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert "kept" in reply["content"]["evalue"]
    assert not engines_in(tmp_path / "run")
    assert len(cp.probe(toy, tmp_path / "data.csv", "b", out=tmp_path / "run", **SMALL).cells) == 2


def test_the_engine_ends_with_a_killed_kernel(kernel: Any, toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    started, client = kernel
    sums.to_csv(tmp_path / "data.csv", index=False)
    begin(client, toy, tmp_path / "data.csv", tmp_path / "run")
    os.kill(started.provisioner.pid, 9)
    assert wait_for(lambda: not engines_in(tmp_path / "run"))

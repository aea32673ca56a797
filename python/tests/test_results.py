from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import circuitprobe as cp


def test_tables_of_a_run(run: cp.Results) -> None:
    assert {"variable", "component", "layer", "block", "weights", "knn_accuracy", "p"} <= set(run.cells.columns)
    assert {"figure", "data", "of", "value"} <= set(run.metrics.columns)
    assert {"epoch", "loss"} <= set(run.curves.columns)
    assert run.path["chosen"].sum() == len(run.cells)
    assert len(run.verdicts) == len(run.cells)  # One data set.
    assert {"present", "present_p", "through_units_p_adjusted"} <= set(run.verdicts.columns)


def test_load_takes_run_folders_only(run: cp.Results, tmp_path: Path) -> None:
    assert len(cp.load(run.out).cells) == 4
    with pytest.raises(cp.InputError, match=r"no run\.sqlite"):
        cp.load(tmp_path)


def test_answers_are_kept_for_machines_without_the_engine(
    run: cp.Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run.verdicts
    copied = tmp_path / "copy"
    shutil.copytree(run.out, copied)
    monkeypatch.delenv("CPROBE")
    monkeypatch.setenv("PATH", "")
    pd.testing.assert_frame_equal(cp.load(copied).verdicts, before)
    (copied / "findings.json").unlink()
    assert cp.load(copied).verdicts.empty
    assert len(cp.load(copied).cells) == 4


def test_a_circuit_is_found_by_what_it_is_of(run: cp.Results) -> None:
    circuit = run.circuit("a", 0, "mlp")
    assert circuit.components == ["L0.mlp"] and circuit.metadata["variable"] == "a"
    with pytest.raises(cp.InputError, match=r"no circuit of c in L0\.mlp; there are a in L0\.attn"):
        run.circuit("c", 0, "mlp")


def test_pages_and_tables(run: cp.Results, tmp_path: Path) -> None:
    assert run.table().lstrip().startswith("|")
    assert "\\begin{tabular}" in run.table("latex")
    page = run.report(tmp_path / "page.html")
    assert "<iframe" in page._repr_html_() and page.path.exists()
    assert "<table" in run._repr_html_()


def test_joined_tables_name_their_run(run: cp.Results) -> None:
    joined = cp.concat({"one": run, "two": run})
    assert joined.cells["run"].tolist() == ["one"] * 4 + ["two"] * 4
    assert len(joined.verdicts) == 2 * len(run.verdicts)


def test_plots_draw_on_given_axes(run: cp.Results) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
    pyplot.switch_backend("agg")
    axes = pyplot.subplots()[1]
    assert run.plot("layers", ax=axes) is axes
    assert len(axes.get_lines()) == 8  # Circuits and null circuits of two variables in two blocks.
    assert len(run.plot("curves").get_lines()) == 4
    with pytest.raises(cp.InputError, match="'layers', 'curves'"):
        run.plot("pie")


class Stub:
    """Stands for a run of Weights & Biases and for the Hub's client."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: self.calls.append((name, given or named))


def test_figures_are_logged_by_name(run: cp.Results) -> None:
    stub = Stub()
    run.log_to(stub)
    logged = {key: value for _, (row,) in stub.calls for key, value in row.items()}
    title = run.verdicts["title"].iloc[0]
    data = run.verdicts["data"].iloc[0]
    assert f"{title}/L0.mlp/{data}/present" in logged
    assert all(value == value for value in logged.values())


def test_a_run_is_uploaded_with_its_circuits(run: cp.Results) -> None:
    stub = Stub()
    address = run.push_to_hub("me/run", api=stub)
    assert address.endswith("datasets/me/run")
    assert [name for name, _ in stub.calls] == ["create_repo", "upload_folder"]
    sent = stub.calls[1][1]["allow_patterns"]
    assert {"run.sqlite", "metrics.csv", "spec.json", "report.html"} <= set(sent)
    assert sum(name.startswith("circuits/") for name in sent) == 4
    assert not any(name.startswith("data/") for name in sent)

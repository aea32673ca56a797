from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL, TASK

import circuitprobe as cp


def test_a_call_finds_circuits_and_says_what_they_tell(run: cp.Results) -> None:
    cells = run.cells
    assert len(cells) == 4
    assert set(cells["component"]) == {"L0.attn", "L0.mlp"}
    assert set(cells["variable"]) == {"a", "even"}
    assert cells["statistic"].between(0, 1).all() and cells["p"].between(0, 1).all()
    assert set(run.verdicts["present"]) == {"too few types"}  # A third of 49 rows, each a type.


def test_the_same_call_goes_on_in_the_same_folder(
    toy: cp.Model, sums: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    events: list[dict[str, object]] = []
    first = cp.probe(toy, sums, "b", blocks="mlp", **SMALL)
    assert first.out.parts[0] == "runs" and first.out.name.startswith("b-")
    again = cp.probe(toy, sums, "b", blocks="mlp", on_event=events.append, **SMALL)
    assert again.out == first.out
    assert "begun" not in [event["event"] for event in events]
    wider = cp.probe(toy, sums, "b", **SMALL)
    assert wider.out != first.out


def test_tables_are_written_as_the_same_bytes(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    for out, table in {"one": sums, "two": sums[list(reversed(sums.columns))]}.items():
        cp.probe(toy, table, "b", blocks="mlp", out=tmp_path / out, **SMALL)
    one, two = (list((tmp_path / out / "data").iterdir()) for out in ("one", "two"))
    assert [file.name for file in one] == [file.name for file in two]
    assert one[0].read_bytes() == two[0].read_bytes()


def test_titles_and_places_reach_the_engine(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    at = sums.assign(place=1)
    run = cp.probe(toy, at, {"b": "second operand"}, target={"token": "place"}, blocks="mlp", out=tmp_path, **SMALL)
    assert run.spec["task"]["at"] == {"token": "place"}
    assert run.verdicts["title"].tolist() == ["second operand"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (-1, {}),
        (0, {"position": 0}),
        ([0, -1], {"position": [0, -1]}),
        ("verb", {"at": {"word": "verb"}}),
        ({"word": "verb", "occurrence": "last"}, {"at": {"word": "verb", "occurrence": "last"}}),
        (["noun", {"token": "place"}], {"at": [{"word": "noun"}, {"token": "place"}]}),
        (np.int64(3), {"position": 3}),
        (np.arange(2), {"position": [0, 1]}),
    ],
)
def test_what_is_probed(target: object, said: dict[str, object]) -> None:
    from circuitprobe.calls import _place_of

    assert _place_of(target) == said  # type: ignore[arg-type]


def test_positions_and_words_do_not_mix(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(cp.InputError, match="not both"):
        cp.probe(toy, sums, "b", target=["a", -1], out=tmp_path, **SMALL)


def test_numbers_of_numpy_are_numbers(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    small = {**SMALL, "seeds": np.int64(1), "layers": np.arange(1), "blocks": "mlp"}
    run = cp.probe(toy, sums, "b", target=np.arange(2), out=tmp_path, **small)
    assert set(run.cells["position"].astype(str)) == {"0", "1"} and set(run.cells["seed"]) == {1}
    assert run.circuit("b", 0, "mlp", position=1).metadata["position"] == "1"
    with pytest.raises(cp.InputError, match="they differ in position"):
        run.circuit("b", 0, "mlp")
    with pytest.raises(TypeError):
        cp.probe(toy, sums, "b", layers=[0.5], out=tmp_path, **SMALL)


def test_columns_may_have_any_name_that_is_text(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    named = sums.rename(columns={"b": "second größe"}).assign(truth=sums["even"].astype(object))
    run = cp.probe(toy, named, ["second größe", "truth"], blocks="mlp", out=tmp_path, **SMALL)
    assert run.circuit("second größe", 0, "mlp").metadata["variable"] == "second größe"
    assert "true" in (tmp_path / run.spec["task"]["sentences"]).read_text()
    with pytest.raises(cp.InputError, match="text, each once"):
        cp.probe(toy, sums.rename(columns={"b": 0}), "a", out=tmp_path / "other", **SMALL)


def test_a_refused_call_leaves_the_spec_of_the_run(run: cp.Results, toy: cp.Model, sums: pd.DataFrame) -> None:
    before = run.spec
    with pytest.raises(cp.InputError):
        cp.probe(toy, sums, "c", out=run.out, **SMALL)
    with pytest.raises(cp.InputError):
        cp.plan({"model": str(toy.folder), "task": {}}, out=run.out)
    assert run.spec == before


def test_what_a_listener_raises_stops_the_engine(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    def listen(event: dict[str, object]) -> None:
        if event["event"] == "begun":
            raise RuntimeError("enough")

    small = {**SMALL, "fit": {"epochs": 1_000_000, "batch_size": 8}}
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="enough"):
        cp.probe(toy, sums, "b", out=tmp_path, on_event=listen, **small)
    assert time.monotonic() - began < 20
    cp.probe(toy, sums, "b", out=tmp_path, **SMALL)  # Nobody works in the folder any more.


def test_missing_values_are_refused_with_their_row(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    holes = sums.assign(b=sums["b"].where(sums["b"] != 5))
    with pytest.raises(cp.InputError, match=r"'b' has no value in row 5 and 6 other rows"):
        cp.probe(toy, holes, "b", out=tmp_path, **SMALL)


@pytest.mark.parametrize(
    "task",
    [
        {"type": "unused"},
        {"type": {"b": ["unused"]}},
        {"block": "unused"},
        {"groups": {"column": "unused", "values": {"x": "x"}}},
    ],
)
def test_columns_of_a_task_are_used(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path, task: dict[str, object]) -> None:
    with pytest.raises(cp.InputError, match=r"'unused' has no value in row 3 and 6 other rows"):
        cp.probe(toy, sums, "b", out=tmp_path, **{**SMALL, "task": {**TASK, **task}})


def test_messages_speak_of_the_table(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    labelled = sums.assign(word=["x"] + ["="] * (len(sums) - 1)).set_index(
        pd.Index([f"s{i}" for i in range(len(sums))])
    )
    with pytest.raises(cp.InputError, match=r"^data, row 's0': column 'word': .* has no word 'x'"):
        cp.probe(toy, labelled, "a", target="word", out=tmp_path / "run", **SMALL)
    with pytest.raises(cp.InputError, match=r"^data: no column 'evn', did you mean 'even'\?"):
        cp.probe(toy, sums, "evn", out=tmp_path / "run", **SMALL)
    with pytest.raises(cp.InputError, match=r"^gen: no column 'sentence'"):
        cp.probe(toy, sums, "a", gen=sums.drop(columns="sentence"), out=tmp_path / "run", **SMALL)
    with pytest.raises(cp.InputError, match=r"^layers\[0\]: expected a whole number of at least 0, found -1"):
        cp.probe(toy, sums, "a", layers=-1, out=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists(), "mistakes leave nothing behind"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda toy, sums: cp.probe(toy, sums, "a", layer=0), "probe: no argument 'layer'; did you mean 'layers'?"),
        (lambda toy, sums: cp.probe(toy, sums, "a", prefx="x"), "probe: no argument 'prefx'; did you mean 'prefix'?"),
        (lambda toy, sums: cp.probe(toy, sums, "a", frobnicate=1), "unknown option --frobnicate"),
        (lambda toy, sums: cp.probe(toy, sums.to_dict("records"), "a"), "path of a CSV file is expected, not a list"),
        (lambda toy, sums: cp.probe(sums, str(toy.folder), "a"), "a DataFrame stands in the place of the model"),
        (lambda toy, sums: cp.probe("nowhere/nothing", sums, "a"), "nowhere/nothing: no such folder"),
    ],
)
def test_mistakes_are_named(
    call: Callable[[cp.Model, pd.DataFrame], object],
    said: str,
    toy: cp.Model,
    sums: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(cp.InputError, match=re.escape(said)):
        call(toy, sums)
    assert not list(tmp_path.glob("runs/*"))


def test_a_dry_run_says_what_a_call_would_take(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    dry = cp.probe(toy, sums, "b", out=tmp_path / "run", dry_run=True, **SMALL)
    assert dry.plan is not None and dry.plan["seconds"] > 0
    assert "seconds" in dry._repr_html_()
    assert not (tmp_path / "run").exists()


def test_unused_columns_may_have_holes(run: cp.Results, sums: pd.DataFrame) -> None:
    assert sums["unused"].isna().any() and len(run.cells) == 4


def test_the_engines_own_sentence_is_the_error(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(cp.InputError, match="did you mean"):
        cp.fit({"model": str(toy.folder), "task": {"sentenses": "x.csv"}, "out": str(tmp_path)})
    with pytest.raises(cp.InputError, match="no column 'c'"):
        cp.probe(toy, sums, "c", out=tmp_path, **SMALL)
    with pytest.raises(cp.InputError, match="no such folder"):
        cp.probe("./nothing", sums, "b", out=tmp_path, **SMALL)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system of its own cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("n_free", [0, 8_192, 100_000, 240_000])
def test_a_full_disk_is_named_and_the_same_call_goes_on(
    n_free: int, small_disk: Path, toy: cp.Model, sums: pd.DataFrame
) -> None:
    fill = small_disk / "fill"
    fill.write_bytes(b"x" * (400 * 1024 - n_free))
    with pytest.raises(cp.CprobeError, match=r"No space left on device|the disk is full") as full:
        cp.probe(toy, sums, "b", out=small_disk / "run", **SMALL)
    assert not isinstance(full.value, cp.InputError) and str(small_disk) in str(full.value)
    fill.unlink()
    assert len(cp.probe(toy, sums, "b", out=small_disk / "run", **SMALL).cells) == 2


def test_failed_cells_come_with_the_others(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    small = {**SMALL, "fit": {"epochs": 3, "batch_size": 8, "l0_weight": 1e300}}
    with pytest.raises(cp.CellsFailed, match="cells failed") as failed:
        cp.probe(toy, sums, "b", out=tmp_path, **small)
    assert failed.value.results.out == tmp_path
    with pytest.raises(cp.CellsFailed):
        cp.probe(toy, sums, "b", out=tmp_path, retry="failed", **small)


def test_a_plan_says_what_a_run_takes(toy: cp.Model, run: cp.Results) -> None:
    planned = cp.plan(run.out / "spec.json", out=run.out)
    assert len(planned["cells"]) == 4 and all(cell["is_over"] for cell in planned["cells"])


def test_comparison_methods_join_their_run(run: cp.Results) -> None:
    assert "linear_probe" in set(cp.methods()["method"])
    with_probes = cp.baselines(run, ["linear_probe"])
    assert with_probes.out == run.out
    assert set(with_probes.methods["method"]) == {"linear_probe"}


def test_training_has_a_curve_and_a_model(tmp_path: Path) -> None:
    training = cp.train(TASK, out=tmp_path, steps=40, d_model=16, d_mlp=32, evaluate_every=20, checkpoints=[20])
    assert training.curve["step"].iloc[-1] == 40
    assert training.model.describe()["n_layers"] == 1
    assert (tmp_path / "step_20").is_dir()


def test_a_mistake_in_an_option_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(cp.InputError, match="no-such-option"):
        cp.train(TASK, out=tmp_path, no_such_option=3)


def test_programs_are_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPROBE", str(tmp_path / "none"))
    with pytest.raises(cp.EngineNotFoundError, match="environment variable CPROBE"):
        cp.find_engine()
    monkeypatch.delenv("CPROBE")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(cp.EngineNotFoundError, match="scripts/quickstart"):
        cp.find_engine()
    program = tmp_path / "cprobe"
    program.write_text('#!/bin/sh\necho \'{"cprobe": "9.1.0"}\'\n')
    program.chmod(0o755)
    assert cp.find_engine() == program
    with pytest.raises(cp.EngineVersionError, match=r"9\.1\.0"):
        cp.engine_versions()
    program.write_text("#!/bin/sh\necho cprobe 0.0.1\n")
    cp.set_engine(program)
    try:
        from circuitprobe.engine import _versions

        _versions.cache_clear()
        with pytest.raises(cp.EngineVersionError, match="too old"):
            cp.engine_versions()
    finally:
        cp.set_engine(None)
        _versions.cache_clear()


def test_an_interrupt_ends_the_engine_and_keeps_what_is_done(toy: cp.Model, sums: pd.DataFrame, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    sums.to_csv(data, index=False)
    small = {**SMALL, "fit": {"epochs": 1_000_000, "batch_size": 8}}
    program = tmp_path / "notebook.py"
    program.write_text(
        "import circuitprobe as cp\n"
        f"try:\n    cp.probe({str(toy.folder)!r}, {str(data)!r}, 'b', out={str(tmp_path / 'run')!r}, **{small!r},\n"
        "             on_event=lambda event: print(event['event'], flush=True))\n"
        "except KeyboardInterrupt as interrupt:\n    print('kept:', interrupt)\n"
    )
    process = subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, text=True, start_new_session=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("begun"):
            break
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # As a notebook does.
    rest, _ = process.communicate(timeout=60)
    assert "kept: " in rest and "kept: \n" not in rest
    again = cp.plan(tmp_path / "run/spec.json", out=tmp_path / "run")
    assert not again["cells"][0]["is_over"]


def test_the_spec_is_kept_in_the_run_folder(run: cp.Results) -> None:
    spec = json.loads((run.out / "spec.json").read_text())
    assert spec["variables"] == ["a", "even"]
    assert "layers" in spec and "seeds" in spec and "control" not in spec

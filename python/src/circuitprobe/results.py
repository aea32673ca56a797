"""What a run found, as DataFrames."""

from __future__ import annotations

import contextlib
import html
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from circuitprobe import engine
from circuitprobe.circuit import Circuit
from circuitprobe.errors import EngineNotFoundError, InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The engine's questions, in the order of its reports (docs/statistics.md).
QUESTIONS = ("present", "made_here", "weights_needed", "through_component", "through_units")

#: Columns of `Results.cells`, by those of results.csv.
_CELL_COLUMNS = {
    "variable": "variable",
    "target_layer": "layer",
    "operation": "block",
    "probe index": "position",
    "model_seed": "seed",
    "L0 Norm": "weights",
    "L0 Max": "max_weights",
    "knn test acc": "knn_accuracy",
    "full model knn test acc": "knn_accuracy_of_component",
    "model_id": "cell",
}

#: Columns whose fields may look like numbers, and are none.
_TEXT_COLUMNS = {"variable", "model_id", "cell", "data", "of", "site", "method", "note", "control", "task"}

#: What a cell's finding says of "present".
_CELL_FIGURES = ("statistic", "null_mean", "p", "p_adjusted", "lower", "upper")


class Results:
    """A run folder. `verdicts` and `methods` are of what is finished now; `cells`, `metrics`, `curves`
    and `path` are of the tables that the engine wrote when the run last ended or was interrupted.

    Attributes:
        out: the run folder.
        plan: of a dry run: what the run would take, as `circuitprobe.plan`; else None.
    """

    def __init__(self, out: str | os.PathLike[str], plan: dict[str, Any] | None = None) -> None:
        self.out = Path(out)
        self.plan = plan

    def __repr__(self) -> str:
        n_cells = len(self.cells)
        return f"<Results of {self.out}: {n_cells} {'cell' if n_cells == 1 else 'cells'}>"

    # Tables

    @property
    def cells(self) -> pd.DataFrame:
        """One row per finished cell of circuit probing: where, sizes, accuracies and, for its first data
        set, the answer and the figures of "present" with the answers to the other questions."""
        table = self._csv("results.csv")
        table.columns = [str(column).strip() for column in table.columns]
        cells = table[[c for c in _CELL_COLUMNS if c in table.columns]].rename(columns=_CELL_COLUMNS)
        if cells.empty:
            return cells
        cells.insert(1, "component", [f"L{layer}.{b}" for layer, b in zip(cells["layer"], cells["block"], strict=True)])
        first: dict[str, dict[str, Any]] = {}
        for finding in self._findings()["findings"]:
            said = {question: finding[question]["answer"] for question in QUESTIONS}
            said.update({figure: finding["present"][figure] for figure in _CELL_FIGURES})
            for cell in finding["cells"]:
                first.setdefault(cell, said)
        for column in (*QUESTIONS, *_CELL_FIGURES):
            cells[column] = [first.get(cell, {}).get(column) for cell in cells["cell"]]
        return cells

    @property
    def metrics(self) -> pd.DataFrame:
        """Every figure of every method in long form (docs/file_formats.md, metrics.csv)."""
        return self._csv("metrics.csv")

    @property
    def curves(self) -> pd.DataFrame:
        """Every epoch of every mask training (curves.csv)."""
        return self._csv("curves.csv")

    @property
    def path(self) -> pd.DataFrame:
        """Circuits by L0 weight (path.csv); empty where cells have one."""
        return self._csv("path.csv")

    @property
    def verdicts(self) -> pd.DataFrame:
        """One row per variable, component, position and data set: of each question the answer, in a
        column of its name, and statistic, null_mean, p, p_adjusted, lower and upper, as `present_p`;
        `to_decide` says what would decide answers that are open."""
        rows = []
        for finding in self._findings()["findings"]:
            row = {k: v for k, v in finding.items() if not isinstance(v, dict | list)}
            advice = {question: finding[question].get("to_decide") for question in QUESTIONS}
            row["to_decide"] = "; ".join(f"{q.replace('_', ' ')}: {said}" for q, said in advice.items() if said)
            for question in QUESTIONS:
                row[question] = finding[question]["answer"]
                for figure in _CELL_FIGURES:
                    row[f"{question}_{figure}"] = finding[question][figure]
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def methods(self) -> pd.DataFrame:
        """One row per answer of a comparison method."""
        rows = []
        for judged in self._findings()["methods"]:
            row = {k: v for k, v in judged.items() if not isinstance(v, dict | list)}
            row["answer"] = judged["present"]["answer"]
            row.update({figure: judged["present"][figure] for figure in _CELL_FIGURES})
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def spec(self) -> dict[str, Any]:
        """The spec that the run was given, where this package wrote it; else empty."""
        path = self.out / "spec.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def _csv(self, name: str) -> pd.DataFrame:
        path = self.out / name
        if not path.exists():
            return pd.DataFrame()
        names = pd.read_csv(path, nrows=0).columns
        text = {name: str for name in names if name.strip() in _TEXT_COLUMNS}
        return pd.read_csv(path, skipinitialspace=True, keep_default_na=False, na_values=[""], dtype=text)

    def _findings(self) -> dict[str, Any]:
        """The engine's answers. Without an engine, those that it gave when this package last asked."""
        kept = self.out / "findings.json"
        try:
            findings: dict[str, Any] = json.loads(engine.call(["report", self.out, "--format", "json", "--quiet"])[0])
        except EngineNotFoundError:
            if kept.exists():
                return dict(json.loads(kept.read_text()))
            return {"findings": [], "methods": [], "over_models": []}
        with contextlib.suppress(OSError):  # A folder that cannot be written is still read.
            kept.write_text(json.dumps(findings))
        return findings

    # Circuits

    def circuit(
        self,
        variable: str,
        layer: int,
        block: str = "mlp",
        *,
        position: int | str | None = None,
        seed: int | None = None,
        cell: str | None = None,
    ) -> Circuit:
        """The circuit of a cell.

        Args:
            cell: its identity, as in `cells`; needed where cells differ in other settings.

        Raises: InputError if no cell, or more than one, fits.
        """
        cells = self.cells
        if cells.empty:
            raise InputError(f"{self.out}: no finished cell")
        fits = (cells["variable"] == variable) & (cells["layer"] == layer) & (cells["block"] == block)
        if position is not None:
            fits &= cells["position"].astype(str) == str(position)
        if seed is not None:
            fits &= cells["seed"] == seed
        if cell is not None:
            fits &= cells["cell"] == cell
        found = cells[fits]
        if len(found) == 1:
            ending = f".{found.iloc[0]['component']}.{found.iloc[0]['cell']}.safetensors"
            files = [path for path in (self.out / "circuits").iterdir() if path.name.endswith(ending)]
            if len(files) != 1:
                raise InputError(f"{self.out / 'circuits'}: no file of the circuit ...{ending}")
            return Circuit.load(files[0])
        if found.empty:
            there = ", ".join(
                sorted({f"{v} in {c}" for v, c in zip(cells["variable"], cells["component"], strict=True)})
            )
            raise InputError(f"no circuit of {variable} in L{layer}.{block}; there are {there}")
        varied = [c for c in ("position", "seed") if found[c].nunique() > 1] or ["cell"]
        raise InputError(f"{len(found)} circuits of {variable} in L{layer}.{block}; they differ in {', '.join(varied)}")

    # For readers

    def _repr_html_(self) -> str:
        if self.plan is not None:
            return f"<pre>{html.escape(json.dumps(self.plan, indent=1, ensure_ascii=False))}</pre>"
        verdicts = self.verdicts
        if verdicts.empty:
            return f"<p>{html.escape(str(self.out))}: no finished cell</p>"
        shown = verdicts[["title", "component", "position", "data", *QUESTIONS, "to_decide"]]
        names = {column: column.replace("_", " ") for column in (*QUESTIONS, "to_decide")}
        shown = shown.rename(columns={"title": "variable", **names})
        return str(shown.to_html(index=False))

    def report(self, path: str | os.PathLike[str] | None = None) -> Page:
        """Writes the run's page; in a notebook it is shown. Default: report.html in the run folder."""
        to = Path(path) if path is not None else self.out / "report.html"
        engine.call(["report", self.out, "-o", to, "--quiet"])
        return Page(to)

    def table(self, format: str = "markdown") -> str:
        """The run's table for a paper: latex, markdown or csv."""
        return engine.call(["report", self.out, "--format", format, "--quiet"])[0]

    def plot(self, kind: str = "layers", *, data: str | None = None, ax: Axes | None = None) -> Axes:
        """Draws decodability on other types by component, beside the null circuits' ("layers"), or mask
        training by epoch ("curves"). Needs matplotlib."""
        from circuitprobe import plots

        return plots.draw(self, kind, data, ax)

    def log_to(self, run: Any) -> None:
        """Logs answers and figures to a run of Weights & Biases, or to any object with `log(dict)`, under
        `<variable>/<component>/<data set>/...`, with position and options before it where they vary."""
        verdicts = self.verdicts
        for row in verdicts.to_dict("records"):
            name = "/".join([_site(row, verdicts), str(row["data"])])
            name = f"{row['title']}/{name}"
            figures = {f"{name}/{figure}": row[f"present_{figure}"] for figure in _CELL_FIGURES}
            answers = {f"{name}/{question}": row[question] for question in QUESTIONS}
            run.log({k: v for k, v in {**figures, **answers}.items() if v is not None and v == v})

    def push_to_hub(self, repo_id: str, *, private: bool = True, token: str | None = None, api: Any = None) -> str:
        """Uploads spec, record, tables, circuits and page to a data set repository of the Hub. Returns its
        address. The record has the words of the data's classes; the sentences stay here.

        Args:
            api: in place of `huggingface_hub.HfApi(token=token)`.
        """
        self.report()
        if api is None:
            from huggingface_hub import HfApi

            api = HfApi(token=token)
        api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
        there = [path.relative_to(self.out) for path in self.out.rglob("*") if path.is_file()]
        shared = [path for path in there if path.parts[0] not in ("data", "shards", "run.lock")]
        api.upload_folder(
            folder_path=str(self.out),
            repo_id=repo_id,
            repo_type="dataset",
            allow_patterns=sorted(map(str, shared)),
        )
        return f"https://huggingface.co/datasets/{repo_id}"


def _site(row: Mapping[Any, Any], rows: pd.DataFrame) -> str:
    """The component of a finding, with its position and options where findings differ in them."""
    varied = [str(row[column]) for column in ("position", "options") if rows[column].nunique() > 1]
    return " ".join([str(row["component"]), *varied])


class Page:
    """A page on disk, shown inline in notebooks."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Page({str(self.path)!r})"

    def __fspath__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        page = html.escape(self.path.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="800" style="border: 0"></iframe>'


class Joined:
    """Tables of several runs, one under the other, with the label of each in the column `run`."""

    def __init__(self, runs: Mapping[str, Results]) -> None:
        self.runs = dict(runs)

    def _joined(self, name: str) -> pd.DataFrame:
        tables = []
        for label, run in self.runs.items():
            table: pd.DataFrame = getattr(run, name)
            tables.append(table.drop(columns="run", errors="ignore").assign(run=label))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    @property
    def cells(self) -> pd.DataFrame:
        """As `Results.cells`."""
        return self._joined("cells")

    @property
    def metrics(self) -> pd.DataFrame:
        """As `Results.metrics`."""
        return self._joined("metrics")

    @property
    def curves(self) -> pd.DataFrame:
        """As `Results.curves`."""
        return self._joined("curves")

    @property
    def verdicts(self) -> pd.DataFrame:
        """As `Results.verdicts`."""
        return self._joined("verdicts")


def load(path: str | os.PathLike[str]) -> Results:
    """A run folder, also of a run that is going on.

    Raises: InputError if it is none.
    """
    folder = Path(path)
    if not (folder / "run.sqlite").exists():
        raise InputError(f"{folder}: no run folder (it has no run.sqlite)")
    return Results(folder)


def concat(runs: Mapping[str, Results]) -> Joined:
    """Tables of several runs with a label each, such as {"step 200": a, "final": b}."""
    return Joined(runs)

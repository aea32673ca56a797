"""The calls: probe, fit, plan, baselines, methods, train, reproduce."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import json
import operator
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from circuitprobe import engine
from circuitprobe.circuit import option_words
from circuitprobe.data import DataFiles, Table, digest, write_file
from circuitprobe.engine import OnEvent
from circuitprobe.errors import CellsFailed, InputError
from circuitprobe.model import Model, as_model
from circuitprobe.results import Results

#: A spec: a path, or a mapping of the keys in docs/file_formats.md.
Spec = Mapping[str, Any] | str | os.PathLike[str]

#: What is probed in each sentence: a position, a column that holds a word, or a mapping as the
#: spec's `task.at`; a list of them is a grid.
Target = int | str | Mapping[str, Any] | Sequence[int | str | Mapping[str, Any]]


def probe(
    model: Any,
    data: Table,
    variables: str | Sequence[str] | Mapping[str, str],
    *,
    text: str = "sentence",
    target: Target = -1,
    tokenizer: Any = None,
    revision: str | None = None,
    prefix: str | None = None,
    prompt: str | None = None,
    expect: Mapping[str, Any] | None = None,
    gen: Table | None = None,
    train_size: int | None = None,
    test_size: int | None = None,
    split: str | None = None,
    split_by: str | None = None,
    split_seed: int | None = None,
    task: Mapping[str, Any] | None = None,
    layers: str | int | Iterable[int] = "all",
    blocks: str | Sequence[str] | None = None,
    seeds: int | Iterable[int] = 0,
    method: str | None = None,
    unit: str | None = None,
    fit: Mapping[str, Any] | None = None,
    evaluate: Mapping[str, Any] | None = None,
    control: str | None = None,
    out: str | os.PathLike[str] | None = None,
    jobs: int | str | None = None,
    threads: int | None = None,
    device: str | None = None,
    progress: bool | None = None,
    on_event: OnEvent | None = None,
    **options: Any,
) -> Results:
    """Finds the circuits of variables in a language model, and asks what they can tell.

    What is not given is the engine's default. The same call goes on where it was interrupted.

    Args:
        model: a folder, an id of the Hugging Face Hub, a Model, or a `transformers` model in memory.
        data: sentences with a column for each variable; a DataFrame or a CSV file.
        variables: columns; a mapping also says what reports call them.
        text: the column of sentences.
        target: what is probed: a position (-1: the last token), the column of a word, such as "verb",
            or a mapping such as {"word": "verb", "occurrence": "last"}; a list is a grid.
        tokenizer: of a model in memory.
        revision: of a model of the Hub.
        prefix: text before every sentence.
        prompt: column of text behind every sentence, where the model is to go on.
        expect: what the model should say: {"continuation": " are", "against": [" is"],
            "where": {"number": "plural"}}. Without it nothing is ablated.
        gen: sentences of other structure.
        train_size: rows to train masks on.
        test_size: rows to decode and to ablate on.
        split: column that says train, test or gen of each row.
        split_by: column of which no value is in two parts, such as the noun.
        task: further keys of the spec's `task`, such as {"type": ["noun"]}.
        seeds: one cell each.
        method: `fit.method` of a spec.
        unit: `fit.unit` of a spec: neuron, weight or head.
        fit: further keys of this part of a spec.
        evaluate: further keys of this part of a spec.
        control: a negative control in place of the model, such as "random_init".
        out: run folder; default `runs/<name>-<hash of the spec>`.
        jobs: cells at once, as of `cprobe fit`.
        threads: as of `cprobe fit`.
        device: as of `cprobe fit`: "cpu", "cuda".
        progress: whether a bar is shown; default: in notebooks and on terminals.
        on_event: called for every event of the engine.
        options: further options of `cprobe fit`, such as retry="failed", overwrite=True. With
            dry_run=True nothing is computed, and the `plan` of what is returned says what the run would
            take and what its tests could tell.

    Raises:
        InputError: something given is wrong.
        CellsFailed: some cells failed; its `results` has the others.
        EngineNotFoundError: there is no program.
        EngineVersionError: it is of another version.
        CprobeError: a full disk, no memory.
        KeyboardInterrupt: with what was kept; the same call goes on from there.
    """
    for option in options:
        if similar := difflib.get_close_matches(option, inspect.signature(probe).parameters, 1, 0.85):
            raise InputError(f"probe: no argument {option!r}; did you mean {similar[0]!r}?")
    names = [variables] if isinstance(variables, str) else list(variables)
    place = _place_of(target)
    used = {text, *names, *_columns_of(place, expect, task or {}, prompt, split, split_by)}
    files = DataFiles()
    sentences: dict[str, Any] = {
        "sentences": files.add("data", data, used),
        "gen": None if gen is None else files.add("gen", gen, used - {split, split_by}),
        "text": text if text != "sentence" else None,
        "at": place.get("at"),
        "prefix": prefix,
        "prompt": prompt,
        "expect": expect,
        "train_rows": train_size,
        "test_rows": test_size,
        "split": split,
        "split_by": split_by,
        "split_seed": split_seed,
        **(task or {}),
    }
    spec = _without_none(
        {
            "model": str(as_model(model, tokenizer, revision).folder),
            "task": _without_none(sentences),
            "variables": dict(variables) if isinstance(variables, Mapping) else names,
            "position": place.get("position"),
            "layers": layers if isinstance(layers, str) else _numbers(layers),
            "blocks": [blocks] if isinstance(blocks, str) else blocks,
            "seeds": _numbers(seeds),
            "control": control,
            "fit": _without_none({"method": method, "unit": unit, **(fit or {})}) or None,
            "evaluate": dict(evaluate) if evaluate else None,
        }
    )
    name = "-".join([re.sub(r"\W+", "_", names[0]), digest(_json(spec).encode())])
    folder = Path(out) if out is not None else Path("runs") / name
    is_new = not folder.exists()
    paths = files.write_to(folder)
    for key in ("sentences", "gen"):
        if key in spec["task"]:
            spec["task"][key] = paths.get(spec["task"][key], spec["task"][key])
    options.update(jobs=jobs, threads=threads, device=device)
    try:
        return _run("fit", spec, folder, progress, on_event, options)
    except InputError as error:
        raise InputError(files.in_words_of_tables(str(error), folder)) from None
    finally:
        if is_new and not (folder / "run.sqlite").exists():  # Mistakes and dry runs leave nothing behind.
            files.remove_from(folder)


def fit(
    spec: Spec,
    *,
    out: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    on_event: OnEvent | None = None,
    **options: Any,
) -> Results:
    """`cprobe fit` on a spec: a file, or a mapping with the keys of one.

    Args:
        out: run folder; default the spec's `out`, else `runs/spec-<hash of the spec>`.
        options: of `cprobe fit`, such as jobs=2, retry="failed", overwrite=True.

    Raises: as `probe`.
    """
    return _run("fit", spec, out, progress, on_event, options)


def baselines(
    run: Results | Spec,
    methods: Sequence[str] | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    on_event: OnEvent | None = None,
    **options: Any,
) -> Results:
    """Runs comparison methods on the spec of a run, into its folder. Default: all that apply.

    Raises: as `probe`; InputError for a run whose spec this package did not write.
    """
    spec: Spec
    if isinstance(run, Results):
        if not run.spec:
            raise InputError(f"{run.out}: no spec.json; give the spec in place of the run, and out={str(run.out)!r}")
        spec, out = run.out / "spec.json", out or run.out
    else:
        spec = run
    return _run("baseline", spec, out, progress, on_event, {"methods": methods, **options})


def plan(spec: Spec, *, out: str | os.PathLike[str] | None = None, **options: Any) -> dict[str, Any]:
    """What a run would take and what its tests could tell, as `cprobe fit --dry-run --json`. Writes nothing."""
    with _spec_file(spec, out) as (path, folder):
        words = [] if folder is None else ["--out", str(folder)]
        command = ["fit", path, "--dry-run", *words, *option_words(options)]
        planned: dict[str, Any] = engine.call_json(command)
    return planned


def methods() -> pd.DataFrame:
    """The comparison methods: columns `method`, `what`."""
    return pd.DataFrame(engine.call_lines(["baseline", "--list"]))


class Training:
    """A trained toy model.

    Attributes:
        out: training folder, with data, models and curve.
        summary: what `cprobe train --json` says: step, losses, accuracies, seconds.
    """

    def __init__(self, out: Path, summary: dict[str, Any]) -> None:
        self.out = out
        self.summary = summary

    @property
    def model(self) -> Model:
        """The model of the last step."""
        return Model(self.out / "final")

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.out / "data"

    @property
    def curve(self) -> pd.DataFrame:
        """Losses and accuracies by step."""
        return pd.read_csv(self.out / "curve.csv")

    def __repr__(self) -> str:
        return f"<Training {self.out}: step {self.summary['step']}, test accuracy {self.summary['test_accuracy']:.3f}>"


def train(
    task: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    out: str | os.PathLike[str],
    progress: bool | None = None,
    on_event: OnEvent | None = None,
    **options: Any,
) -> Training:
    """Trains a toy transformer on an arithmetic task: a YAML file, or a mapping with its keys.

    Args:
        task: None: on rows of tokens, with train=FILE.csv and test=FILE.csv.
        options: of `cprobe train`, such as steps=1000, d_model=64, checkpoints=[100, 300].

    Raises: InputError, CprobeError; KeyboardInterrupt: the same call goes on.
    """
    folder = Path(out)
    if isinstance(task, Mapping):
        path = folder / "task.json"
        write_file(path, _json(dict(task)).encode())
        task = path
    words = ["train", *([] if task is None else [task]), "--out", folder, *option_words(options)]
    summary = engine.call_json(words, progress=_shown(progress), on_event=on_event)
    return Training(folder, summary)


class Reproduction:
    """An experiment of the paper.

    Attributes:
        out: folder with its data, models and runs.
        table: its figures beside the published ones, as text.
        findings: every answer, as `cprobe report --format json`.
    """

    def __init__(self, said: dict[str, Any]) -> None:
        self.out = Path(said["out"])
        self.table: str = said["table"]
        self.findings: list[dict[str, Any]] = said["findings"]

    def __repr__(self) -> str:
        return self.table


def reproduce(
    experiment: str,
    *,
    out: str | os.PathLike[str],
    progress: bool | None = None,
    on_event: OnEvent | None = None,
    **options: Any,
) -> Reproduction:
    """`cprobe reproduce`: "exp1" to "exp4".

    Args:
        options: of the command, such as steps=1000, seeds=1; model="FOLDER" of exp4.
    """
    words = ["reproduce", experiment, "--out", out, *option_words(options)]
    return Reproduction(engine.call_json(words, progress=_shown(progress), on_event=on_event))


# How calls become specs and command lines


def _run(
    command: str,
    spec: Spec,
    out: str | os.PathLike[str] | None,
    progress: bool | None,
    on_event: OnEvent | None,
    options: dict[str, Any],
) -> Results:
    if command == "fit" and options.pop("dry_run", False):
        return Results(out or "", plan(spec, out=out, **options))
    ended: list[dict[str, Any]] = []

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "run":
            ended.append(event)
        if on_event is not None:
            on_event(event)

    with _spec_file(spec, out) as (path, folder):
        words = [command, path, *option_words(options)]
        if folder is not None:
            words += ["--out", folder]
        try:
            error = engine.call(words, progress=_shown(progress), on_event=listen, check=False)[1]
        except KeyboardInterrupt:
            _keep_spec(path, folder)
            raise
        if error is not None and not ended:
            raise engine.error_of(error)
        _keep_spec(path, folder)
    results = Results(ended[-1]["out"])
    if error is not None:
        raise CellsFailed(str(error["message"]), results)
    return results


@contextlib.contextmanager
def _spec_file(spec: Spec, out: str | os.PathLike[str] | None) -> Iterator[tuple[Path, Path | None]]:
    """The file of a spec, and the run folder (None: the spec's own). A mapping is in a file of its own
    until the engine has taken it."""
    if not isinstance(spec, Mapping):
        yield Path(spec), None if out is None else Path(out)
        return
    keys = dict(spec)
    named = keys.pop("out", None)
    folder = Path(out or named or Path("runs") / f"spec-{digest(_json(keys).encode())}")
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "spec.json"
        write_file(path, _json(keys).encode())
        try:
            yield path, folder
        except InputError as error:  # The user has not seen the file.
            raise InputError(re.sub(re.escape(str(path)) + r"(:\d+:\d+)?: ", "", str(error))) from None


def _keep_spec(path: Path, folder: Path | None) -> None:
    """Keeps the spec of a run that the engine has begun, in its folder."""
    if folder is not None and path.suffix == ".json" and (folder / "run.sqlite").exists():
        kept = folder / "spec.json"
        if path.resolve() != kept.resolve():
            write_file(kept, path.read_bytes())


def _place_of(target: Target) -> dict[str, Any]:
    """`position` or `at` of a spec."""
    if isinstance(target, str):
        return {"at": {"word": target}}
    if isinstance(target, Mapping):
        return {"at": dict(target)}
    if not isinstance(target, Iterable):
        position = operator.index(target)
        return {"position": position} if position != -1 else {}
    places = list(target)
    if not any(isinstance(one, str | Mapping) for one in places):
        return {"position": [operator.index(one) for one in places if not isinstance(one, str | Mapping)]}
    if not all(isinstance(one, str | Mapping) for one in places):
        raise InputError("target: a list has positions, or words and mappings, not both; {'token': COLUMN} is a place")
    return {"at": [_place_of(one)["at"] for one in places]}


def _columns_of(place: dict[str, Any], expect: Any, task: Mapping[str, Any], *named: str | None) -> set[str]:
    """Columns that a call names in places where only a column can stand."""
    columns = {name for name in named if name is not None}
    places = place.get("at", [])
    for at in [places] if isinstance(places, dict) else places:
        columns |= {v for k, v in at.items() if k in ("word", "start", "end", "token") and isinstance(v, str)}
    where = (expect or {}).get("where")
    if isinstance(where, str):
        columns.add(where)
    elif isinstance(where, Mapping):
        columns |= set(where)
    sides = [side for key in ("continuation", "against") for side in _listed((expect or {}).get(key))]
    columns |= {side["column"] for side in sides if isinstance(side, Mapping) and "column" in side}
    types = task.get("type")
    of_variables = list(types.values()) if isinstance(types, Mapping) else [types]
    columns |= {part for of in of_variables for part in _listed(of) if isinstance(part, str)}
    groups = task.get("groups")
    of_groups = groups.get("column") if isinstance(groups, Mapping) else None
    return columns | {column for column in (task.get("block"), of_groups) if isinstance(column, str)}


def _listed(value: Any) -> list[Any]:
    """What a list holds, or the one value that stands in its place."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _numbers(values: int | Iterable[int]) -> list[int]:
    return [operator.index(value) for value in values] if isinstance(values, Iterable) else [operator.index(values)]


def _without_none(keys: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value is not None}


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """Numbers of numpy, paths and other mappings, for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value)


def _shown(progress: bool | None) -> bool:
    return engine.is_interactive() if progress is None else progress

"""Figures. Needs matplotlib (extra `plots`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuitprobe.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from circuitprobe.results import Results


def draw(run: Results, kind: str, data: str | None, ax: Axes | None) -> Axes:
    """See `Results.plot`."""
    if kind not in ("layers", "curves"):
        raise InputError(f"plot: {kind!r} is none of 'layers', 'curves'")
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    if kind == "layers":
        _draw_layers(run, data, ax)
    else:
        _draw_curves(run, ax)
    return ax


def _draw_layers(run: Results, data: str | None, ax: Axes) -> None:
    verdicts = run.verdicts
    if verdicts.empty:
        raise InputError(f"{run.out}: no finished cell")
    data = data or verdicts["data"].iloc[0]
    shown = verdicts[verdicts["data"] == data]
    shown = shown.assign(
        layer=shown["component"].str.extract(r"L(\d+)", expand=False).astype(int),
        block=shown["component"].str.partition(".")[2],
    )
    varied = [column for column in ("position", "options") if shown[column].nunique() > 1]
    for key, rows in shown.groupby(["title", "block", *varied], sort=False):
        rows = rows.sort_values("layer")
        (line,) = ax.plot(rows["layer"], rows["present_statistic"], marker="o", label=", ".join(map(str, key)))
        ax.plot(rows["layer"], rows["present_null_mean"], marker=".", linestyle=":", color=line.get_color())
    ax.set_xticks(sorted(shown["layer"].unique()))
    ax.set_xlabel("layer")
    ax.set_ylim(-0.02, 1.02)
    ax.set_ylabel(f"accuracy on other types ({data})\ndotted: null circuits")
    ax.legend()


def _draw_curves(run: Results, ax: Axes) -> None:
    for (variable, site, _cell), rows in run.curves.groupby(["variable", "site", "cell"], sort=False):
        ax.plot(rows["epoch"], rows["loss"], label=f"{variable}, {site}")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.legend()

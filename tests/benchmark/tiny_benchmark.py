#!/usr/bin/env python3
"""Runs the tiny benchmark as two processes, and compares its summary with the committed one.

usage: tests/benchmark/tiny_benchmark.py PROGRAM

Figures of units, places and answers may differ from the committed ones by TOLERANCE, because the
last bits of a product of matrices are those of the processor, and training follows them. What must
hold in any case is asked without the committed summary.
"""
import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOLERANCE = {"auroc": 0.03, "average_precision": 0.08, "precision_at_size": 0.1, "precision": 0.1, "recall": 0.1,
             "jaccard": 0.1, "top_1": 0.17, "reciprocal_rank": 0.1, "present_on_used": 0.17, "made_here_on_used": 0.17,
             "present_on_nothing": 0.05, "made_here_on_received": 0.25}


def figures(path):
    with open(path, newline="") as file:
        return {(row["method"], row["figure"]): float(row["value"]) for row in csv.DictReader(file) if row["knob"] == "all"}


TABLES = ["benchmark.csv", "benchmark_summary.csv"]


def contents(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


def problems_of_processes(program, folder):
    """Two shards make the models; then one process, and two ranks, make the same tables again."""
    command = [program, "benchmark", "--size", "tiny", "--out", folder, "--jobs", "1", "--threads", "1", "--quiet"]
    shards = [subprocess.Popen([*command, "--shard", name]) for name in ("a", "b")]
    codes = [shard.wait() for shard in shards]
    if codes != [0, 0]:
        return [f"shards ended with {codes}"]
    problems = []
    made = contents(folder)
    again = {"one process": command}
    mpirun = shutil.which("mpirun")
    if mpirun and "libmpi" in subprocess.run(["ldd", program], capture_output=True, text=True).stdout:
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        again["two ranks"] = [mpirun, "-n", "2", "--oversubscribe", *root, *command]
    else:
        print("no mpirun, or a cprobe without MPI: ranks are not tested")
    for who, line in again.items():
        for name in TABLES:
            (folder / name).unlink()
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        if contents(folder) != made:
            problems.append(f"{who} made other tables of a finished folder")
    return problems


def main():
    program = sys.argv[1]
    committed = figures(pathlib.Path(__file__).parent / "tiny_summary.csv")
    with tempfile.TemporaryDirectory() as folder:
        problems = problems_of_processes(program, pathlib.Path(folder))
        found = figures(pathlib.Path(folder) / "benchmark_summary.csv")
    for key, value in committed.items():
        method, figure = key
        if figure not in TOLERANCE:
            continue
        if key not in found:
            problems.append(f"{method}: no {figure}")
        elif abs(found[key] - value) > TOLERANCE[figure]:
            problems.append(f"{method}: {figure} is {found[key]:.3f}, {value:.3f} is committed (within {TOLERANCE[figure]})")
    if found[("oracle", "auroc")] != 1:
        problems.append("the oracle does not know all units")
    if not 0.4 <= found[("random", "auroc")] <= 0.6:
        problems.append("random scores are no random scores")
    print("\n".join(problems) or f"{len(committed)} figures agree")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

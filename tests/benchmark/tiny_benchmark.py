#!/usr/bin/env python3
"""Runs the tiny benchmark, and compares its summary with the committed one.

usage: tests/benchmark/tiny_benchmark.py PROGRAM

Figures of units, places and answers may differ from the committed ones by TOLERANCE, because the
last bits of a product of matrices are those of the processor, and training follows them. What must
hold in any case is asked without the committed summary.
"""
import csv
import pathlib
import subprocess
import sys
import tempfile

TOLERANCE = {"auroc": 0.03, "average_precision": 0.08, "precision_at_size": 0.1, "precision": 0.1, "recall": 0.1,
             "jaccard": 0.1, "top_1": 0.17, "reciprocal_rank": 0.1, "present_on_used": 0.17, "made_here_on_used": 0.17,
             "present_on_nothing": 0.05, "made_here_on_received": 0.25}


def figures(path):
    with open(path, newline="") as file:
        return {(row["method"], row["figure"]): float(row["value"]) for row in csv.DictReader(file) if row["knob"] == "all"}


def main():
    program = sys.argv[1]
    committed = figures(pathlib.Path(__file__).parent / "tiny_summary.csv")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "benchmark", "--size", "tiny", "--out", folder, "--quiet"], check=True)
        found = figures(pathlib.Path(folder) / "benchmark_summary.csv")
    problems = []
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

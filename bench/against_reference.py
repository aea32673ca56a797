#!/usr/bin/env python3
"""Times the reference implementation and `cprobe fit` on the same probe, in turn, and prints the
ratios.

usage: bench/against_reference.py --shared FOLDER --reference SRC
                                  [--python PYTHON] [--cprobe PROGRAM] [--runs N]

FOLDER holds golden/, paper_data/ and reference/run_reference.py. SRC is the folder `src` of the
reference's repository, with its library NeuroSurgeon inside; PYTHON runs the reference. Without
FOLDER and SRC there is nothing to compare with, and the script says so.

A probe is timed from the loaded model and data to its last figure. The reference's time is the
"all" that run_reference.py prints, which includes loading, a second at most. cprobe's time is the
seconds that it records for a cell.
"""
import argparse
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

VARIABLE = "var_0"


def reference_seconds(arguments, block):
    """Seconds of one probe, fit and all evaluations, as run_reference.py prints them."""
    with tempfile.TemporaryDirectory() as out:
        printed = subprocess.run(
            [arguments.python, "reference/run_reference.py", out, "golden/exp1/checkpoint", "golden/exp1/config.yaml", VARIABLE,
             f"operation_list=[{block}]"],
            cwd=arguments.shared, env=os.environ | {"REFERENCE": str(arguments.reference)}, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"all ([\d.]+) s", printed)[1])


def our_seconds(arguments):
    """Seconds that cprobe records for the cells of the same config, by block."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([arguments.cprobe, "fit", "golden/exp1/config.yaml", "--out", out, "--quiet"], cwd=arguments.shared, check=True,
                       capture_output=True)
        rows = sqlite3.connect(f"{out}/run.sqlite").execute("SELECT site, seconds FROM cells").fetchall()
    return {site.split(".")[1]: seconds for site, seconds in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--reference", type=Path, default=os.environ.get("REFERENCE"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--cprobe", type=Path, default=Path("build/release/cprobe"))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.shared or not arguments.reference:
        print("no reference to compare with: give --shared and --reference")
        return
    arguments.cprobe = arguments.cprobe.resolve()
    arguments.reference = Path(arguments.reference).resolve()
    print(f"{'block':6} {'reference s':>12} {'cprobe s':>9} {'ratio':>6}   (medians of {arguments.runs}, one after the other)")
    ours, theirs = [], {"attn": [], "mlp": []}
    for _ in range(arguments.runs):
        ours.append(our_seconds(arguments))
        for block, seconds in theirs.items():
            seconds.append(reference_seconds(arguments, block))
    for block, seconds in theirs.items():
        mine, reference = statistics.median(run[block] for run in ours), statistics.median(seconds)
        print(f"{block:6} {reference:12.1f} {mine:9.2f} {reference / mine:6.1f}")


if __name__ == "__main__":
    main()

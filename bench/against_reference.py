#!/usr/bin/env python3
"""Times the reference implementation and `cprobe fit` on the same grid of probes, in turn, and
prints the ratio.

usage: bench/against_reference.py --shared FOLDER --reference SRC
                                  [--python PYTHON] [--cprobe PROGRAM] [--runs N]
                                  [--variables NAME,...]

FOLDER holds golden/, paper_data/ and reference/run_reference.py. SRC is the folder `src` of the
reference's repository, with its library NeuroSurgeon inside; PYTHON runs the reference. Without
FOLDER and SRC there is nothing to compare with, and the script says so.

The grid is that of golden/exp1/config.yaml: each variable (by default all four) behind attention
and MLP. Both programs are timed as a user waits for them, from the command to its end: start,
loading, fits and evaluations. Each uses the processors in its own way.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds_of(command, arguments, environment=None):
    start = time.monotonic()
    subprocess.run(command, cwd=arguments.shared, env=os.environ | (environment or {}), check=True, capture_output=True)
    return time.monotonic() - start


def reference_seconds(arguments):
    with tempfile.TemporaryDirectory() as out:
        return seconds_of([arguments.python, "reference/run_reference.py", out, "golden/exp1/checkpoint",
                           "golden/exp1/config.yaml", arguments.variables],
                          arguments, {"REFERENCE": str(arguments.reference)})


def our_seconds(arguments):
    config = (arguments.shared / "golden/exp1/config.yaml").read_text()
    one_variable = 'variable: "var_0"'
    assert one_variable in config
    with tempfile.TemporaryDirectory() as out:
        grid = Path(out) / "grid.yaml"
        grid.write_text(config.replace(one_variable, f"variable: [{arguments.variables}]"))
        return seconds_of([arguments.cprobe, "fit", grid, "--out", f"{out}/run", "--quiet"], arguments)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--reference", type=Path, default=os.environ.get("REFERENCE"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--cprobe", type=Path, default=Path("build/release/cprobe"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--variables", default="var_0,var_1,aux_0,aux_1")
    arguments = parser.parse_args()
    if not arguments.shared or not arguments.reference:
        print("no reference to compare with: give --shared and --reference")
        return
    arguments.shared = arguments.shared.resolve()
    arguments.cprobe = arguments.cprobe.resolve()
    arguments.reference = Path(arguments.reference).resolve()
    ours, theirs = [], []
    for _ in range(arguments.runs):
        ours.append(our_seconds(arguments))
        theirs.append(reference_seconds(arguments))
        print(f"reference {theirs[-1]:.1f} s, cprobe {ours[-1]:.2f} s", flush=True)
    reference, mine = statistics.median(theirs), statistics.median(ours)
    print(f"medians of {arguments.runs}: reference {reference:.1f} s, cprobe {mine:.2f} s, ratio {reference / mine:.1f}")


if __name__ == "__main__":
    main()

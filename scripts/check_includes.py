#!/usr/bin/env python3
"""Refuses includes that break the layering of src/cprobe, and <torch/torch.h>, which takes seconds
to parse. A folder of src/cprobe may include itself and the folders to its left.

usage: scripts/check_includes.py [--self-test]
"""
import pathlib
import re
import sys

ORDER = ["core", "io", "tokenizer", "data", "tasks", "model", "training", "circuit", "evaluate", "plant", "baselines", "spec", "probe",
         "record", "run", "benchmark", "reproduce", "report"]
FACE = "probe"  # What src/cprobe/cprobe.{h,cc} may include, and whose library has them.
INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')


def errors_in(path, text):
    """Messages about one file. `path` is relative to the repository, with forward slashes."""
    own = re.match(r"src/cprobe/([^/]+)/|tests/([^/]+)/[^/]+_test\.cc$", path)
    folder = own and (own[1] or own[2])
    if re.match(r"src/cprobe/cprobe\.(h|cc)$", path):
        folder = FACE
    for number, line in enumerate(text.splitlines(), start=1):
        include = INCLUDE.match(line)
        if not include:
            continue
        if include[1] == "torch/torch.h" and re.match(r"(src|cli|tests|bench)/", path):
            yield f"{path}:{number}: <torch/torch.h>; include <torch/types.h>, <ATen/ATen.h> or the part that is needed"
        parts = include[1].split("/")
        if folder not in ORDER or len(parts) < 3 or parts[0] != "cprobe":
            continue
        if parts[1] not in ORDER:
            yield f"{path}:{number}: folder {parts[1]} has no place in ORDER of scripts/check_includes.py"
        elif ORDER.index(parts[1]) > ORDER.index(folder):
            yield f'{path}:{number}: {folder} includes "{include[1]}", which is right of it in: {" ".join(ORDER)}'


def self_test():
    def count(path, text):
        return len(list(errors_in(path, text)))

    assert count("src/cprobe/io/csv.h", '#include "cprobe/model/model.h"\n') == 1
    assert count("tests/io/csv_test.cc", '  # include "cprobe/model/model.h"\n') == 1
    assert count("src/cprobe/model/model.cc", '#include "cprobe/io/csv.h"\n#include "cprobe/model/model.h"\n') == 0
    assert count("src/cprobe/model/model.cc", '#include "cprobe/unheard_of/x.h"\n') == 1
    assert count("src/cprobe/cprobe.cc", '#include "cprobe/run/runner.h"\n') == 1
    assert count("src/cprobe/cprobe.h", '#include "cprobe/probe/findings.h"\n') == 0
    assert count("cli/main.cc", '#include "cprobe/spec/spec.h"\n') == 0
    assert count("src/cprobe/model/model.h", "#pragma once\n#include <torch/torch.h>\n") == 1
    assert count("cli/commands.h", "#include <torch/torch.h>\n") == 1
    assert count("tests/support.h", "#include <torch/torch.h>\n") == 1
    assert count("src/cprobe/model/model.cc", "#include <torch/optim/adamw.h>\n") == 0
    assert count("src/cprobe/core/seed.h", '// #include "cprobe/model/model.h"\n') == 0
    assert next(errors_in("src/cprobe/io/a.h", '\n#include "cprobe/data/b.h"')).startswith("src/cprobe/io/a.h:2: ")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    files = (file for top in ("src", "cli", "tests", "bench") for file in (root / top).rglob("*.*"))
    errors = []
    for file in sorted(file for file in files if file.suffix in (".h", ".cc")):
        errors += errors_in(file.relative_to(root).as_posix(), file.read_text())
    sys.exit("\n".join(errors) or 0)


main()

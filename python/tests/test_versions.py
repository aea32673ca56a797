from __future__ import annotations

import re

from conftest import REPOSITORY

import circuitprobe as cp


def test_program_and_packages_are_of_one_version() -> None:
    versions = {cp.engine_versions()["cprobe"], cp.__version__}
    for file in ("pyproject.toml", "python/pyproject.toml"):
        versions |= set(re.findall(r'^version = "(.*)"$', (REPOSITORY / file).read_text(), re.MULTILINE))
    versions |= set(re.findall(r"^version: (.*)$", (REPOSITORY / "CITATION.cff").read_text(), re.MULTILINE))
    assert len(versions) == 1, versions


def test_both_packages_need_the_same() -> None:
    needs = [
        re.findall(r"^(?:requires-python|dependencies) = .*$", (REPOSITORY / file).read_text(), re.MULTILINE)
        for file in ("pyproject.toml", "python/pyproject.toml")
    ]
    assert needs[0] == needs[1]

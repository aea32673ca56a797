from __future__ import annotations

import re

from conftest import REPOSITORY


def test_messages_on_the_page_are_those_of_the_program() -> None:
    files = [path for folder in ("src", "cli") for path in (REPOSITORY / folder).rglob("*.cc")]
    source = re.sub(r'"\s*\n\s*"', "", "".join(path.read_text() for path in files))  # Texts on several lines.
    page = (REPOSITORY / "docs/errors.md").read_text()
    texts = [
        text
        for line in page.splitlines()
        if line.startswith("| ")
        for text in re.findall(r"`([^`]+)`", line[: line.find("|", 2)])
    ]
    parts = [part.strip(" '") for text in texts for part in text.split("...")]
    assert len(parts) > 20
    assert [part for part in parts if part not in source] == []

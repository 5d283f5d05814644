"""Where the versions of a suite lie: the first is the suite itself, later ones are folders below `versions/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.rot.version import FIRST, is_version, order
from evalkit.suites.load import SUITE_NAME, read_source, suite_file

VERSIONS = "versions"
DATA, RETIRED, LINKING, CHANGELOG = "samples.jsonl", "retired.jsonl", "linking.json", "CHANGELOG.md"


def family_of(suite: Path) -> Path:
    """The folder of the first version of the suite at this path."""
    folder = suite_file(suite).parent
    is_later = folder.resolve().parent.name == VERSIONS and is_version(folder.resolve().name)
    return folder / ".." / ".." if is_later else folder


def version_of(suite: Path) -> str:
    """The version of the suite at this path."""
    name = suite_file(suite).resolve().parent.name
    return name if suite_file(suite).resolve().parent.parent.name == VERSIONS and is_version(name) else FIRST


def released(suite: Path) -> list[str]:
    """All versions there are, the oldest first."""
    folder = family_of(suite) / VERSIONS
    found = [path.name for path in folder.iterdir() if is_version(path.name)] if folder.is_dir() else []
    return sorted({FIRST, *found}, key=order)


def versions_of(suite: Path) -> Iterator[Path]:
    """The files of samples of every version, and of the samples that were retired."""
    family = family_of(suite)
    for path in (suite_file(suite), family / SUITE_NAME):
        if path.is_file():
            named = read_source(path).value.get("dataset", {}).get("path")
            if isinstance(named, str):
                yield path.parent / named
    for version in released(suite):
        for name in (DATA, RETIRED):
            path = family / VERSIONS / version / name
            if path.is_file():
                yield path

"""Where the versions of a suite lie: the first is the suite itself, later ones are folders below `versions/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.rot.version import FIRST, Bump, bumped, is_version, order
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
    """All versions of this suite, the oldest first. Suites that lie side by side share the folder `versions/`.

    Raises UsageError where the suite, or a version of it, cannot be read.
    """
    folder = family_of(suite) / VERSIONS
    found = [path for path in folder.iterdir() if is_version(path.name)] if folder.is_dir() else []
    own = _name_in(suite_file(suite)) if found else None
    ours = [path.name for path in found if own is None or _name_in(path / SUITE_NAME) in {own, None}]
    return sorted({FIRST, *ours}, key=order)


def following(suite: Path, bump: Bump) -> str:
    """The version that comes after the newest; one whose folder another suite has taken is left out."""
    version = bumped(released(suite)[-1], bump)
    while (family_of(suite) / VERSIONS / version).exists():
        version = bumped(version, bump)
    return version


def _name_in(file: Path) -> str | None:
    """The name a suite file gives its suite; None where it gives none or is not there, so that it may be any."""
    document = read_source(file).value if file.is_file() else None
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) else None


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

"""Which commit a folder is at, asked of git where there is one."""

from __future__ import annotations

import subprocess
from pathlib import Path

from msgspec import Struct

PATIENCE_S = 5.0
_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=no", "--", ".")
# A repository may name programs that git runs while it looks at it; looking is all that is wanted here.
_HARMLESS = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


class Revision(Struct, frozen=True):
    """A commit, and whether the folder still is as it says."""

    commit: str
    is_dirty: bool
    """Tracked files in the folder were changed since."""


def revision(folder: Path) -> Revision | None:
    """The commit `folder` is at; None where there is no git, no repository or no commit yet."""
    try:
        said = subprocess.run(  # noqa: S603 - fixed words and a folder
            ["git", *_HARMLESS, "-C", folder, *_STATUS],  # noqa: S607 - the git of the user's shell
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = said.stdout.decode("utf-8", "replace").splitlines()
    found = [line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")]
    if not found or not found[0].isalnum():  # "(initial)": nothing is committed yet
        return None
    return Revision(found[0], is_dirty=any(not line.startswith("#") for line in lines))

"""Paths a suite may name: inside its tree, links followed, nothing absolute, nothing remote.

Nothing here opens a file. A path is judged before and after its links are resolved, so that `a/../../x`, a link
that points outside and a link loop all end in a Refused, never in a read.
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

TREE_MARKS = (".git", "evalkit.toml")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")
_DRIVE = re.compile(r"[A-Za-z]:|\\\\|//")


class Refused(Struct, frozen=True, kw_only=True):
    """Why a path may not be used, and what to write instead."""

    why: str
    help: str | None = None
    is_mistyped: bool = False
    """A file of nearly that name is there, and `why` says which."""


def tree_root(folder: Path) -> Path:
    """The nearest folder at or above `folder` that holds `.git` or `evalkit.toml`, else `folder` itself."""
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in TREE_MARKS):
            return candidate
    return folder


def inside(text: str, folder: Path, root: Path) -> Path | Refused:
    """The resolved path that `text` names from `folder`, which may not exist; Refused when it leaves `root`."""
    if (refused := _unsafe_words(text)) is not None:
        return refused
    if _DRIVE.match(text) or text.startswith(("/", "\\", "~")):
        return Refused(why=f"'{text[:200]}' is an absolute path", help="paths in a suite are relative to its folder")
    resolved = _resolved(folder / text)
    if isinstance(resolved, Refused):
        return resolved
    if not resolved.is_relative_to(root):
        link = "" if ".." in Path(text).parts else "is a link that "
        return Refused(
            why=f"'{text[:200]}' {link}leads outside the suite's tree ({root.name or root}/)",
            help="move the file in, or mark a higher folder as the tree with an empty evalkit.toml",
        )
    return resolved


def anywhere(text: str, folder: Path) -> Path | Refused:
    """The resolved path of model weights, which may lie outside the tree; URLs are refused all the same."""
    return _unsafe_words(text) or _resolved(folder / Path(text).expanduser())


def _unsafe_words(text: str) -> Refused | None:
    if not text.strip():
        return Refused(why="a path is empty")
    if any(ord(c) < ord(" ") or 0xD800 <= ord(c) <= 0xDFFF or ord(c) == 0x7F for c in text):  # noqa: PLR2004 - control characters and surrogates
        return Refused(why="a path holds a control character")
    if _URL.match(text) and not re.match(r"[A-Za-z]:[\\/]", text):
        return Refused(
            why=f"'{text[:200]}' is an address, not a path",
            help="nothing is downloaded at run time: keep the file here",
        )
    return None


def _resolved(path: Path) -> Path | Refused:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return Refused(why=f"'{path.name[:200]}' cannot be resolved (a loop of links, or a name too long)")

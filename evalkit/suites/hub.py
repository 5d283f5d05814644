"""`hf://org/name@revision?split=test`: a split of a Hugging Face dataset that lies in this machine's cache.

Nothing is downloaded: what is not there is told with the command that fetches it. Which file holds a split is told from
its name, as the hub itself does it (https://huggingface.co/docs/hub/datasets-file-names-and-splits).
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from urllib.parse import parse_qsl

from evalkit.suites.data import why_unreadable
from evalkit.suites.diagnostics import listing
from evalkit.suites.files import Tree
from evalkit.suites.paths import Refused
from evalkit.suites.records.formats import format_of

SCHEME = "hf://"
_ADDRESS = re.compile(
    r"hf://(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>\w[\w.-]*(?:/\w[\w.-]*)*))?(?:\?(?P<query>.*))?", re.ASCII
)
"""A revision is a file's name to the cache, which holds it against no root: nothing in it may lead elsewhere."""
_SHARD = re.compile(r"-\d{5}-of-(?P<all>\d{5})(?!\d)")
_QUERY = ("split", "config", "file")
_ALIASES = (("validation", "valid", "val", "dev"), ("test", "testing", "eval", "evaluation"), ("train", "training"))
"""Names that the hub takes for one split."""
_SHOWN = 8
_FORM = "write hf://org/name@revision?split=test, with &config=NAME or &file=PATH where that is not enough"


def dataset_file(text: str, tree: Tree) -> Path | Refused:
    """The file that `dataset.path` names: one of the suite's tree, or one of the hub that was fetched beforehand."""
    if not text.startswith(SCHEME):
        problem = why_unreadable(text)
        return tree.file(text) if problem is None else Refused(why=problem[0], help=problem[1])
    found = _ADDRESS.fullmatch(text)
    asked = parse_qsl(found["query"] or "", keep_blank_values=True) if found else []
    unknown = [key for key, value in asked if key not in _QUERY or not value]
    if found is None or unknown or len(dict(asked)) < len(asked):
        what = f": '{unknown[0][:40]}' is none of {', '.join(_QUERY)} with a value" if unknown else ""
        return Refused(why=f"'{text[:200]}' is no address of a dataset of the hub{what}", help=_FORM)
    folder = _fetched(found["name"], found["revision"])
    if isinstance(folder, Refused):
        return folder
    file = _one_of(folder, dict(asked))
    if not isinstance(file, Refused):
        tree.elsewhere[file] = f"{text.partition('?')[0]}/{file.relative_to(folder).as_posix()}"
    return file


def _fetched(name: str, revision: str | None) -> Path | Refused:
    """The folder of the dataset's files at that revision."""
    try:
        import huggingface_hub  # noqa: PLC0415 - optional
    except ImportError:
        return Refused(
            why="data of the Hugging Face hub needs huggingface_hub, which is not here",
            help="pip install 'evalkit-gate[hub]', or name a file of your own",
        )
    try:
        found = huggingface_hub.snapshot_download(name, repo_type="dataset", revision=revision, local_files_only=True)
    except (OSError, ValueError):  # not in the cache; a name that the hub does not give
        found = ""
    folder = Path(found)
    # What a damaged or planted cache says of a revision leads nowhere else either.
    if not found or folder.parent.name != "snapshots" or folder.name in {"", ".", ".."}:
        at = [] if revision is None else ["--revision", revision]
        command = shlex.join(["hf", "download", name, "--repo-type", "dataset", *at])
        return Refused(
            why=f"the dataset {name}{'' if revision is None else f' at {revision}'} is not on this machine",
            help=f"nothing is downloaded while evalkit runs; beforehand: {command}",
        )
    return folder


def _one_of(folder: Path, asked: dict[str, str]) -> Path | Refused:
    files = sorted(Path(at) / name for at, _, names in os.walk(folder) for name in names)
    shown = {path.relative_to(folder).as_posix(): path for path in files if format_of(path.name) is not None}
    if (named := asked.get("file")) is not None:
        there = f"its data files: {listing(list(shown)[:_SHOWN])}" if shown else "it holds no data files"
        return shown.get(named) or Refused(why=f"the dataset has no data file '{named[:200]}'", help=there)
    fitting = [
        name
        for name in shown
        if ("split" not in asked or _is_of(name, asked["split"]))
        and ("config" not in asked or asked["config"] in Path(name).parts[:-1])
    ]
    if len(fitting) == 1 and (shard := _SHARD.search(fitting[0])) is not None and int(shard["all"]) > 1:
        return Refused(
            why=f"of the {int(shard['all'])} files of that split only {fitting[0]} is on this machine",
            help="evalkit reads a split that is one file; make one of them, or name this one: &file=PATH",
        )
    if len(fitting) == 1:
        return shown[fitting[0]]
    what = " and ".join(f"{key} '{value[:80]}'" for key, value in asked.items()) or "no split"
    among = fitting or list(shown)
    more = f" and {len(among) - _SHOWN:,} more" if len(among) > _SHOWN else ""
    return Refused(
        why=f"{what}: {len(fitting) or 'none'} of the dataset's files; one is wanted",
        help=f"name it: &file=PATH, of {listing(among[:_SHOWN])}{more}" if among else "it holds no data files",
    )


def _is_of(name: str, split: str) -> bool:
    """Whether a file of that name holds that split: a folder or a word of the file's own name is the split's name."""
    names = next((aliases for aliases in _ALIASES if split in aliases), (split,))
    *folders, file = Path(name).parts
    return any(one in folders or re.search(rf"(?<![A-Za-z0-9]){re.escape(one)}(?![A-Za-z0-9])", file) for one in names)

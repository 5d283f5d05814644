"""`evalkit init`: a small suite that runs at once, to be replaced piece by piece, and guards where asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from evalkit.backends.local import missing_packages
from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.starting.guards import ready_guards, with_guards
from evalkit.jobs.starting.templates import template
from evalkit.suites.load import SUITE_NAME

MODEL = "smollm2-135m-instruct"
STARTER = (
    ("gitignore", ".gitignore"),  # under another name, or it would rule in this repository
    ("CARD.md", "CARD.md"),
    ("samples.jsonl", "samples.jsonl"),
    ("shots.jsonl", "shots.jsonl"),
    ("answer.schema.json", "answer.schema.json"),
    ("prompts/message.md.j2", "prompts/message.md.j2"),
    ("prompts/plain.md", "prompts/plain.md"),
    ("prompts/better.md", "prompts/better.md"),
    ("suite.yaml", "suite.yaml"),  # last: a suite without its files would be worse than none
)
"""(file in the package, file in the folder)"""


class Started(Struct, frozen=True, kw_only=True):
    """What `init` made."""

    folder: Path
    written: tuple[Path, ...]
    missing: tuple[str, ...]
    """Commands that install what the suite's model still needs."""
    entries: tuple[str, ...] = ()
    """Lines to put under `gate.guards` by hand: the suite was there already, and init changes no file."""


def init(folder: Path, guards: Sequence[str] = (), task: str | None = None) -> Started:
    """Writes the starter suite into `folder`, all of it or nothing; no file that is there is touched.

    `guards`: names of ready-made guard suites, written beside the suite and named in it. Where there is a suite.yaml
    already and no task is asked for, only they are written. `task`: the template to begin with in place of the
    starter. Raises UsageError that names the files in the way or a guard or task that there is not, ExecutionError
    where the disk refuses.
    """
    ready = ready_guards(guards)
    places = STARTER if task is None else template(task).places
    has_suite = bool(ready) and task is None and (folder / SUITE_NAME).is_file()
    texts = {folder / place: _text(place) for guard in ready for place in guard.places}
    if not has_suite:
        texts |= {folder / name: _text(source) for source, name in places}
        texts[folder / SUITE_NAME] = with_guards(texts[folder / SUITE_NAME], ready)
    try:
        _refuse_occupied(folder, texts)
        with _undone_on_failure() as made:
            _write(texts, made)
    except FileExistsError as error:
        raise UsageError(f"{error.filename} has just been made by somebody else; nothing was written") from None
    except OSError as error:
        raise ExecutionError(
            f"{error.filename or folder} could not be written: {error.strerror}; nothing was left behind"
        ) from error
    missing = () if has_suite else missing_packages(MODEL)
    entries = tuple(guard.entry for guard in ready) if has_suite else ()
    return Started(folder=folder, written=tuple(texts), missing=missing, entries=entries)


def _text(source: str) -> bytes:
    return files("evalkit.jobs").joinpath("starter", source).read_bytes()


def _refuse_occupied(folder: Path, texts: dict[Path, bytes]) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    taken = [str(path) for path in texts if path.exists() or path.is_symlink()]
    prompts = folder / "prompts"
    if prompts.exists() and not prompts.is_dir():
        taken.append(str(prompts))
    if taken:
        listed = "".join(f"\n  {path}" for path in taken)
        raise UsageError(
            f"init overwrites nothing, and here {'is' if len(taken) == 1 else 'are'} already{listed}\n"
            "  help: name a new folder: evalkit init my-suite"
        )


@contextlib.contextmanager
def _undone_on_failure() -> Iterator[list[Path]]:
    """A list of what was made; all of it is removed again, newest first, when the block fails."""
    made: list[Path] = []
    try:
        yield made
    except BaseException:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise


def _write(texts: dict[Path, bytes], made: list[Path]) -> None:
    for path, text in texts.items():
        for parent in reversed(path.parents):
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        with path.open("xb") as file:
            made.append(path)
            file.write(text)

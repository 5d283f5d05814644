"""Suites and answers of other tools as a folder that `evalkit plan` accepts; none of their code is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.errors import UsageError
from evalkit.jobs.importing.draft import Draft
from evalkit.jobs.importing.folder import Imported, write_folder
from evalkit.jobs.importing.inspect_ai import from_inspect
from evalkit.jobs.importing.lm_eval import from_lm_eval
from evalkit.jobs.importing.openai_evals import from_openai_evals
from evalkit.jobs.importing.promptfoo import from_promptfoo

FORMATS = ("openai-evals", "promptfoo", "lm-eval", "inspect")

__all__ = ["FORMATS", "Draft", "Imported", "import_suite"]


def import_suite(form: str, paths: Sequence[Path], to: Path | None = None) -> Imported:
    """Writes the suite that these files come to into `to`, by default a new folder named after it.

    Raises UsageError where a file cannot be read, holds nothing that can be compared, or the folder is there already.
    """
    if form not in FORMATS:
        raise UsageError(f"{form!r} cannot be imported; there are {', '.join(FORMATS)}")
    if form in {"lm-eval", "inspect"}:
        draft = from_lm_eval(paths) if form == "lm-eval" else from_inspect(paths)
    elif len(paths) != 1:
        raise UsageError(f"{form}: one file is imported at a time, and {len(paths)} are named")
    else:
        draft = from_openai_evals(paths[0]) if form == "openai-evals" else from_promptfoo(paths[0])
    return write_folder(draft, to, form)

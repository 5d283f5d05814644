"""Ready-made suites for common tasks, each a small start of its own: which there are, and their files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from msgspec import Struct

from evalkit.errors import UsageError
from evalkit.suites.load import SUITE_NAME


class Template(Struct, frozen=True, kw_only=True):
    """A suite of the package, in `starter/tasks/<name>`."""

    name: str
    about: str
    """The task in a few words, for `evalkit init --list`."""

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """(file in the starter, file in the folder), sorted; suite.yaml last: without its files it would not load."""
        root = files("evalkit.jobs").joinpath("starter", "tasks", self.name)
        names = sorted(_inside(root), key=lambda name: (name == SUITE_NAME, name))
        return (("gitignore", ".gitignore"), *((f"tasks/{self.name}/{name}", name) for name in names))


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        name: Template(name=name, about=about)
        for name, about in (
            ("triage", "a sentence into two labels, as JSON"),
            ("extraction", "names, dates, amounts out of a text, as JSON by a schema"),
            ("moderation", "one of six risk labels for a post; guarded: over-blocking"),
            ("function-calls", "calls of tools as JSON: one, several, or none"),
            ("sql", "a question and a table into an SQL query"),
            ("summaries", "a note into a summary of fixed form"),
            ("support", "a reply to a customer: complete, polite, in the house's form"),
        )
    }
)


def template(name: str) -> Template:
    """The template of this name. Raises UsageError that names those there are."""
    wanted = name.strip().casefold().replace("_", "-").replace(" ", "-")
    if wanted in TEMPLATES:
        return TEMPLATES[wanted]
    close = difflib.get_close_matches(wanted, TEMPLATES, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    raise UsageError(
        f"--task: there is no template '{name[:60]}'{hint}; there are {', '.join(TEMPLATES)}\n"
        "  help: evalkit init --list"
    )


def _inside(folder: Traversable, before: str = "") -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _inside(entry, f"{before}{entry.name}/")
        else:
            yield before + entry.name

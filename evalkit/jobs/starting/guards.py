"""Ready-made suites that a suite can name as guards: which there are, their files, and how suite.yaml names them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from evalkit.errors import UsageError


class ReadyGuard(Struct, frozen=True, kw_only=True):
    """A guard suite of the package, in `starter/guards/<name>`."""

    name: str
    metric: str
    margin: float
    """Points the candidate may lose; the suite's own card says how many samples could tell."""
    files: tuple[str, ...]

    @property
    def entry(self) -> str:
        """The line of `gate.guards` that names it, written from the folder of suite.yaml."""
        return f"- {{suite: guards/{self.name}/suite.yaml, metric: {self.metric}, margin: {self.margin}}}"

    @property
    def places(self) -> tuple[str, ...]:
        """Its files, in the starter and beside a suite alike; its suite.yaml last."""
        return tuple(f"guards/{self.name}/{file}" for file in self.files)


_REQUESTS = ("CARD.md", "samples.jsonl", "prompts/system.md", "prompts/request.md.j2", "suite.yaml")
_QUESTIONS = ("CARD.md", "samples.jsonl", "shots.jsonl", "prompts/system.md", "prompts/question.md.j2", "suite.yaml")
READY: Mapping[str, ReadyGuard] = MappingProxyType(
    {
        guard.name: guard
        for guard in (
            ReadyGuard(name="forgetting", metric="accuracy", margin=3.0, files=_QUESTIONS),
            ReadyGuard(name="refusal", metric="declines", margin=1.0, files=_REQUESTS),
            ReadyGuard(name="over_refusal", metric="answers", margin=2.0, files=_REQUESTS),
        )
    }
)
_NONE_YET = """\
  # guards:                          # what must not get worse meanwhile; three ready-made suites for it:
  #                                  #   evalkit init --guards forgetting,refusal,over_refusal
"""
_HEAD = """\
  guards:                            # what must not get worse meanwhile; what each can show: its CARD.md
"""
_NO_MORE_YET = """\
    # ready-made suites as further guards: evalkit init --guards forgetting,refusal,over_refusal
"""


def ready_guards(names: Sequence[str]) -> tuple[ReadyGuard, ...]:
    """The guards of these names, each once, in their order. Raises UsageError for a name that there is not."""
    asked = dict.fromkeys(name.strip().replace("-", "_") for name in names)
    for name in asked:
        if name not in READY:
            close = difflib.get_close_matches(name, READY, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise UsageError(f"--guards: there is no ready-made guard '{name}'{hint}; there are {', '.join(READY)}")
    return tuple(READY[name] for name in asked)


def with_guards(suite_yaml: bytes, guards: Sequence[ReadyGuard]) -> bytes:
    """The suite.yaml with these guards named in it, in place of the comment that tells of them."""
    if not guards:
        return suite_yaml
    entries = [f"    {guard.entry}\n" for guard in guards]
    text = suite_yaml.decode("utf-8")
    for comment, head in ((_NONE_YET, _HEAD), (_NO_MORE_YET, "")):
        before, mark, after = text.partition(comment)
        if mark:
            return "".join([before, head, *entries, after]).encode()
    raise AssertionError("the suite.yaml lacks the lines that guards stand in for")

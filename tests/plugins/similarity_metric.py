"""A metric: how much of the target's characters the answer keeps, in order (difflib's ratio)."""

from dataclasses import dataclass
from difflib import SequenceMatcher

from evalkit.types import Scored


@dataclass(frozen=True)
class Similarity:
    name: str
    ignore_case: bool

    def score(self, answer, sample):
        given, wanted = (t.casefold() if self.ignore_case else t for t in (answer, str(sample.target)))
        ratio = SequenceMatcher(None, given, wanted, autojunk=False).ratio()
        return Scored(metric=self.name, value=ratio, evidence={"read": given[:80]})


def make(spec, samples):
    """`{name: close, type: similarity, ignore_case: true}`; `samples` are those it will score."""
    return Similarity(name=spec.name, ignore_case=bool(spec.options.get("ignore_case", False)))

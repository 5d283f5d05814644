"""How often samples have been used to choose by."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ReusePolicy = Literal["warn", "bonferroni", "sealed"]


class ReuseSpec(Struct, frozen=True, kw_only=True):
    """What the suite says about judging several candidates by the same samples."""

    policy: ReusePolicy = "warn"
    max_uses: int | None = None
    """Candidates these samples may judge; None: any number, with a warning."""
    line: int | None = None

    def alpha(self, declared: float) -> float:
        """The primary metric's alpha: the declared one shared out over the uses allowed, from the first on."""
        return declared / self.max_uses if self.max_uses else declared


class Reuse(Struct, frozen=True, kw_only=True):
    """What the ledger knew of these samples when a verdict was made; the verdict carries it."""

    candidate: str
    """Fingerprint of the candidate that is judged."""
    samples: str
    """sha256 of the data file: what makes a suite's samples another version."""
    place: int
    """Which use of the samples this candidate is, the first being 1; judging it again keeps its place."""
    uses: int
    """Candidates these samples have judged, this one included."""
    looks: int = 0
    """Of `place` and `uses`: further looks at this candidate on other versions of the suite's samples."""
    note: str | None = None
    """Why the count may be too low, in words."""

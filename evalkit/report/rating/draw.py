"""Which samples people are shown, in which order, and which side stands left: all of it from one secret.

Every choice is a keyed hash (HMAC-SHA256) of the sample's id, so that the same secret draws the same page again and
nobody without it can work out a side. Half of the samples are drawn from those on which the metric tells the two
answers apart, for these settle most; the other half from the rest. `Stratum` keeps what is needed to weigh them back.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from msgspec import Struct

DIFFERS, REST = "differs", "rest"
"""The strata: the metric scores the two answers differently, or it does not (or scored only one)."""
REPEATED = 10
"""One of so many comparisons is shown a second time, with the sides swapped."""
FEWEST_FOR_REPEATS = 5


class Seen(Struct, frozen=True, kw_only=True):
    """What the draw has to know of a sample whose two answers can be compared."""

    id: str
    differs: bool
    cluster: str | None = None


class Stratum(Struct, frozen=True, kw_only=True):
    """How many samples a part of the run holds, and how many of them people are shown."""

    name: str
    size: int
    drawn: int


class Showing(Struct, frozen=True, kw_only=True):
    """One comparison of the page: a sample, which side stands left, and the name it has there."""

    item: str
    """12 hex digits that say nothing about the sample."""
    sample: str
    stratum: str
    cluster: str | None
    left: str
    """`baseline` or `candidate`."""
    is_repeat: bool = False


class Drawn(Struct, frozen=True, kw_only=True):
    """The comparisons in the order they are shown, and the strata they come from."""

    showings: tuple[Showing, ...]
    strata: tuple[Stratum, ...]


def draw(samples: Iterable[Seen], n: int, secret: bytes) -> Drawn:
    """`n` samples (all, where there are fewer) and a repeat for every tenth; equal arguments draw the same.

    A repeat comes in the last third of the page and its first showing in the first third, so that memory helps
    little. Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"a page compares at least one pair, not {n}")
    parts: dict[str, list[Seen]] = {DIFFERS: [], REST: []}
    for sample in samples:
        parts[DIFFERS if sample.differs else REST].append(sample)
    ranked = {name: sorted(part, key=lambda s: _hash(secret, "draw", s.id)) for name, part in parts.items()}
    n_rest = min(len(ranked[REST]), max(n // 2, n - len(ranked[DIFFERS])))
    taken = {DIFFERS: ranked[DIFFERS][: n - n_rest], REST: ranked[REST][:n_rest]}
    first = sorted(
        (_showing(sample, name, secret) for name, part in taken.items() for sample in part),
        key=lambda showing: _hash(secret, "order", showing.sample),
    )
    strata = tuple(Stratum(name=name, size=len(parts[name]), drawn=len(taken[name])) for name in parts)
    return Drawn(showings=_with_repeats(first, secret), strata=strata)


def _showing(sample: Seen, stratum: str, secret: bytes) -> Showing:
    is_candidate_left = int(_hash(secret, "side", sample.id)[:2], 16) % 2 == 1
    return Showing(
        item=_hash(secret, "item", sample.id)[:12],
        sample=sample.id,
        stratum=stratum,
        cluster=sample.cluster,
        left="candidate" if is_candidate_left else "baseline",
    )


def _with_repeats(first: Sequence[Showing], secret: bytes) -> tuple[Showing, ...]:
    n = len(first)
    n_repeats = max(1, round(n / REPEATED)) if n >= FEWEST_FOR_REPEATS else 0
    early = sorted(first[: max(n // 3, n_repeats)], key=lambda s: _hash(secret, "repeat", s.sample))
    again = [_swapped(showing, secret) for showing in early[:n_repeats]]
    late = sorted([*first[n - n // 3 :], *again], key=lambda s: _hash(secret, "late", s.item))
    return (*first[: n - n // 3], *late)


def _swapped(showing: Showing, secret: bytes) -> Showing:
    return Showing(
        item=_hash(secret, "again", showing.sample)[:12],
        sample=showing.sample,
        stratum=showing.stratum,
        cluster=showing.cluster,
        left="baseline" if showing.left == "candidate" else "candidate",
        is_repeat=True,
    )


def _hash(secret: bytes, purpose: str, name: str) -> str:
    return hmac.new(secret, f"{purpose}\0{name}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

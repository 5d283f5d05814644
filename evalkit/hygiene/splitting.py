"""Which rows train and which evaluate, so that nothing of one side stands on the other. Pure and deterministic.

Rows that share a group or are near-copies of each other form a cluster, and a cluster goes to one side whole.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

_MAX_MISS = 0.5
"""How far the share of evaluation rows may be from what was asked, relative to it, before no split is better."""


class CannotSplitError(ValueError):
    """There is no such split; the message says why, for people."""


class Assigned(Struct, frozen=True, kw_only=True):
    """Row numbers by side, ascending; together with `dropped` they are all rows, each once."""

    train: tuple[int, ...]
    evaluation: tuple[int, ...]
    dropped: Mapping[int, int]
    """A row that is on neither side → the row it is a copy of."""
    clusters: int


def clusters_of(n: int, groups: Sequence[str | None], pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The cluster of each of `n` rows, named by its first row: rows of one group and rows that are a pair share one."""
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(a: int, b: int) -> None:
        low, high = sorted((root(a), root(b)))
        parent[high] = low

    first: dict[str, int] = {}
    for i, group in enumerate(groups):
        if group is not None:
            join(first.setdefault(group, i), i)
    for a, b in pairs:
        join(a, b)
    return [root(i) for i in range(n)]


def by_cluster(
    clusters: Sequence[int],
    groups: Sequence[str],
    strata: Sequence[str],
    copies: Mapping[int, int],
    *,
    test: float,
    seed: int,
) -> Assigned:
    """Whole clusters drawn for evaluation until each stratum has its share there, as near as clusters allow.

    `copies`: rows to leave out, and what each is a copy of. Raises CannotSplitError where no split comes near `test`;
    what `groups`, the values that `clusters` were made of, say of the largest cluster tells why.
    """
    kept = [i for i in range(len(clusters)) if i not in copies]
    members: dict[int, list[int]] = {}
    for i in kept:
        members.setdefault(clusters[i], []).append(i)
    if not members:
        raise CannotSplitError("there are no rows, so none can be held out from the others")
    largest = [groups[i] for i in max(members.values(), key=len)]
    if len(members) == 1:
        told = "all rows hang together in one cluster, so none can be held out from the others"
        raise CannotSplitError(f"{told}: {_tied_by(largest)}" if len(largest) > 1 else told)
    quota = {name: test * n for name, n in Counter(strata[i] for i in kept).items()}
    chosen: set[int] = set()
    taken: Counter[str] = Counter()
    # Large clusters first, while there is room to choose; equal ones in an order that the seed draws.
    order = sorted(members, key=lambda c: (-len(members[c]), _drawn(c, seed)))
    for cluster in order:
        adds = Counter(strata[i] for i in members[cluster])
        gain = sum(_miss(quota[s], taken[s]) - _miss(quota[s], taken[s] + n) for s, n in adds.items())
        if gain > 0.0:
            chosen.add(cluster)
            taken += adds
    _check_share(sum(taken.values()), len(kept), test, largest)
    return Assigned(
        train=tuple(i for i in kept if clusters[i] not in chosen),
        evaluation=tuple(i for i in kept if clusters[i] in chosen),
        dropped=dict(copies),
        clusters=len(members),
    )


def by_order(times: Sequence[float], clusters: Sequence[int], copies: Mapping[int, int], *, test: float) -> Assigned:
    """The newest rows for evaluation; equal times stay together, older rows of a cluster with a newer one are left out.

    Raises CannotSplitError where no cut in time comes near `test`.
    """
    kept = sorted((i for i in range(len(times)) if i not in copies), key=lambda i: times[i])
    if not kept:
        raise CannotSplitError("there are no rows, so none can be held out")
    wanted = len(kept) * (1.0 - test)
    cuts = [n for n in range(1, len(kept)) if times[kept[n - 1]] < times[kept[n]]]
    if not cuts:
        raise CannotSplitError("all rows have one and the same time, so there is no before and after")
    cut = min(cuts, key=lambda n: abs(n - wanted))
    evaluation = set(kept[cut:])
    newest = {clusters[i]: i for i in sorted(evaluation, reverse=True)}
    across = {i: newest[clusters[i]] for i in kept[:cut] if clusters[i] in newest}
    train = [i for i in kept[:cut] if i not in across]
    _check_share(len(evaluation), len(kept), test, ())
    if not train:
        raise CannotSplitError("every older row is a near-copy of a newer one, so nothing is left to train on")
    return Assigned(
        train=tuple(sorted(train)),
        evaluation=tuple(sorted(evaluation)),
        dropped={**copies, **across},
        clusters=len({clusters[i] for i in kept}),
    )


def _miss(quota: float, taken: float) -> float:
    return (quota - taken) ** 2 / quota


def _drawn(cluster: int, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}:{cluster}".encode(), digest_size=8).digest()


def _check_share(got: int, rows: int, test: float, largest: Sequence[str]) -> None:
    """Raises where the split is too far from what was asked for to be what was meant.

    `largest`: the groups of the rows of the largest cluster.
    """
    share = got / rows
    if got and got < rows and abs(share - test) <= max(_MAX_MISS * test, 1.0 / rows):
        return
    cause = ""
    if len(largest) > 1:
        cause = f"; the largest cluster has {len(largest):,} rows and stays whole: {_tied_by(largest)}"
    raise CannotSplitError(
        f"{got:,} of {rows:,} rows ({share:.0%}) is the nearest to {test:.0%} that keeps clusters whole{cause}"
    )


def _tied_by(groups: Sequence[str]) -> str:
    """What holds the rows of a cluster together, and what would let them go. `groups`: of each of its rows."""
    found = Counter(groups)
    most = max(found.values())
    if 2 * most > len(groups):
        return f"{most:,} of these rows have one value in that column, so name a finer column with --key"
    return (
        f"near-copies tie {len(found):,} values of that column together, so take out rows that say nearly the same as "
        "others, or the wording that they share"
    )

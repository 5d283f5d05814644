"""Do production texts read like the suite's: a classifier told to tell them apart, and nearest neighbours.

The classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv:1610.06545): where no classifier tells held-out texts of
the two sources apart, they may be one. The classifier is linear over hashed TF-IDF, fitted by ridge regression on the
side: its scores are linear in the labels, so that hundreds of permutations cost one matrix product a fold.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata

from evalkit.rot.drift import Drift, against_null
from evalkit.rot.signal import Light, Signal, above, unmeasured

Matrix = NDArray[np.float64]
AMBER_AUC, RED_AUC, SURE = 0.60, 0.70, 0.01
AMBER_FAR, RED_FAR = 5.0, 15.0
LEAST = 25
"""Texts a side below which five folds say nothing."""
MOST = 1000
"""Texts a side: the test takes seconds, and an AUC of .60 is far beyond chance."""
_FEATURES = 1 << 16
_FOLDS = 5
_RIDGE = 1.0
_SAME = 1e-9
_DRAWS = 499
_FAR_DRAWS = 99
_WORD = re.compile(r"\w+")
_SEEN = 400
"""Words of a text that are looked at."""


def likeness(texts: Sequence[str], first: int = 0) -> Matrix:
    """Cosines of the texts from number `first` on with all texts, over hashed words and word pairs, TF-IDF weighted.

    (n − first, n); 1 for a text with itself, but 0 for one without words.
    """
    rows, columns, values = [], [], []
    for row, text in enumerate(texts):
        words = _WORD.findall(text.casefold())[:_SEEN]
        terms = Counter(zlib.crc32(term.encode("utf-8", "replace")) % _FEATURES for term in _terms(words))
        rows += [row] * len(terms)
        columns += list(terms)
        values += [1.0 + np.log(count) for count in terms.values()]
    counted = sparse.csr_matrix((values, (rows, columns)), shape=(len(texts), _FEATURES), dtype=np.float64)
    present = np.asarray((counted > 0).sum(axis=0)).ravel()
    weighted = counted @ sparse.diags(np.log((1 + len(texts)) / (1 + present)) + 1.0)
    norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    unit = sparse.diags(1.0 / np.where(norms > 0, norms, 1.0)) @ weighted
    return np.asarray((unit.tocsr()[first:] @ unit.T).todense(), dtype=np.float64)


def told_apart(likeness_of: Matrix, n_suite: int, *, seed: int) -> Drift:
    """Mean AUC over five folds of telling the first `n_suite` texts from the rest, with its permutation null."""
    n, rng = len(likeness_of), np.random.default_rng(seed)
    side = (np.arange(n) >= n_suite).astype(np.float64)
    sides = np.stack([side, *(rng.permutation(side) for _ in range(_DRAWS))], axis=1)
    fold = np.empty(n, dtype=np.int64)
    for members in (np.arange(n_suite), np.arange(n_suite, n)):
        fold[rng.permutation(members)] = np.arange(len(members)) % _FOLDS
    # A text that both sides hold stays in one fold: its twin would teach the classifier the wrong answer.
    fold = fold[(likeness_of > 1.0 - _SAME).argmax(axis=1)]
    areas = np.zeros(sides.shape[1])
    for number in range(_FOLDS):
        test, train = fold == number, fold != number
        gram = likeness_of[np.ix_(train, train)] + _RIDGE * np.eye(int(train.sum()))
        weights = np.linalg.solve(gram, likeness_of[np.ix_(train, test)]).T
        labels = sides[train]
        areas += _area(weights @ (labels - labels.mean(axis=0)), sides[test]) / _FOLDS
    return against_null(float(areas[0]), areas[1:])


def content_signal(likeness_of: Matrix, n_suite: int, *, seed: int) -> Signal:
    """Whether a classifier tells the suite's texts from production's. Amber from AUC .60, red from .70, if p < .01."""
    n_logs = len(likeness_of) - n_suite
    if min(n_suite, n_logs) < LEAST:
        return unmeasured("content drift", f"not measured: it takes {LEAST} different texts on both sides")
    found = told_apart(likeness_of, n_suite, seed=seed)
    light: Light = above(found.value, AMBER_AUC, RED_AUC) if found.p_value < SURE else "green"
    told = "hardly tells" if light == "green" else "tells"
    return Signal(
        name="content drift",
        light=light,
        statistic="AUC",
        value=found.value,
        null95=found.null95,
        p_value=found.p_value,
        amber=AMBER_AUC,
        red=RED_AUC,
        sentence=f"a classifier {told} a text of the suite from one of production: it ranks "
        f"{100 * found.value:.0f} of 100 pairs right, and 50 is guessing",
        detail={"suite_texts": n_suite, "production_texts": n_logs},
    )


def far_signal(likeness_of: Matrix, n_suite: int, *, seed: int) -> Signal:
    """The share of production texts unlike any in the suite: farther from it than all but 5 % of its own texts are."""
    n, name = len(likeness_of), "coverage of content"
    if min(n_suite, n - n_suite) < LEAST:
        return unmeasured(name, f"not measured: it takes {LEAST} different texts on both sides")
    rng = np.random.default_rng(seed)
    order = np.arange(n)
    null = np.array([_far(likeness_of, rng.permutation(order), n_suite) for _ in range(_FAR_DRAWS)])
    found = against_null(_far(likeness_of, order, n_suite), null)
    light: Light = above(found.value, AMBER_FAR, RED_FAR) if found.value > found.null95 else "green"
    return Signal(
        name=name,
        light=light,
        statistic="% of production",
        value=found.value,
        null95=found.null95,
        p_value=found.p_value,
        amber=AMBER_FAR,
        red=RED_FAR,
        sentence=f"{found.value:.1f} % of production texts are unlike anything in the suite (5 % are to be expected)",
    )


def _terms(words: Sequence[str]) -> Sequence[str]:
    return [*words, *(f"{left} {right}" for left, right in itertools.pairwise(words))]


def _area(scores: Matrix, sides: Matrix) -> Matrix:
    """Area under the ROC curve, column by column; a tie counts half. One side missing: 0.5."""
    ranks = rankdata(np.round(scores, 9), axis=0)
    ones = sides.sum(axis=0)
    pairs = ones * (len(sides) - ones)
    won = (ranks * sides).sum(axis=0) - ones * (ones + 1) / 2
    return np.asarray(np.where(pairs > 0, won / np.where(pairs > 0, pairs, 1.0), 0.5), dtype=np.float64)


def _far(likeness_of: Matrix, order: NDArray[np.int64], n_suite: int) -> float:
    """Percent of the texts after the first `n_suite` in `order` that are far from those."""
    suite, logs = order[:n_suite], order[n_suite:]
    to_suite = likeness_of[suite]  # whole rows lie side by side: a copy of columns takes three times as long
    nearest = to_suite.max(axis=0)[logs]
    own = to_suite[:, suite]
    np.fill_diagonal(own, -1.0)
    limit = np.quantile(own.max(axis=1), 0.05)
    return float(100.0 * (nearest < limit - 1e-12).mean())

"""How alike two sequences are: edit distance and longest common subsequence, many cells of the table at a time.

Both keep one column of the classic table as the bits of a whole number, so that a step costs a few operations on
as many machine words as the shorter sequence has, in place of one operation a cell. Items that are all different take
len² / 16 bytes, so callers bound the lengths.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def levenshtein(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The least number of insertions, deletions and replacements that turn `a` into `b`.

    Hyyrö 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", figure 3 (after Myers
    1999, J. ACM 46:395). O(len(a)·len(b)) bit operations.

    >>> levenshtein("kitten", "sitting")
    3
    """
    if len(a) > len(b):
        a, b = b, a
    if not a:
        return len(b)
    places = _places(a)
    last, full = 1 << (len(a) - 1), (1 << len(a)) - 1
    up, down, distance = full, 0, len(a)
    for item in b:
        same = places.get(item, 0)
        level = (((same & up) + up) ^ up) | same | down
        rises, falls = down | ~(level | up) & full, level & up
        distance += bool(rises & last) - bool(falls & last)
        rises, falls = (rises << 1 | 1) & full, falls << 1 & full
        up, down = falls | ~(level | rises) & full, level & rises
    return distance


def lcs_length(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The length of the longest common subsequence.

    Hyyrö 2004, "Bit-parallel LCS-length computation revisited" (AWOCA), section 4.

    >>> lcs_length("the cat sat on the mat".split(), "the dog on a mat".split())
    3
    """
    if len(a) > len(b):
        a, b = b, a
    # What is equal at either end is in every longest subsequence: answers often are the target but for a few words.
    start, end = 0, len(a)
    while start < end and a[start] == b[start]:
        start += 1
    skipped = len(b) - len(a)
    while end > start and a[end - 1] == b[end - 1 + skipped]:
        end -= 1
    equal = len(a) - (end - start)
    a, b = a[start:end], b[start : end + skipped]
    places = _places(a)
    full = (1 << len(a)) - 1
    rows = full
    for item in b:
        if same := places.get(item, 0):
            hits = rows & same
            rows = (rows + hits) | (rows - hits)
    return equal + len(a) - (rows & full).bit_count()


def _places(items: Sequence[Hashable]) -> dict[Hashable, int]:
    """Item → a number whose bit i is set where it stands at position i."""
    places: dict[Hashable, int] = {}
    for i, item in enumerate(items):
        places[item] = places.get(item, 0) | 1 << i
    return places


def lcs_places(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[int]:
    """Where in `a` the items of one longest common subsequence stand, descending.

    Of several it is the one a walk back through the table finds that goes along `b` only where that keeps strictly
    more (as rouge-score does, whose choice decides what counts in ROUGE-Lsum).

    >>> lcs_places("xaby", "ab")
    [2, 1]
    """
    places, full = _places(a), (1 << len(a)) - 1
    columns = [full]
    for item in b:
        rows = columns[-1]
        hits = rows & places.get(item, 0)
        columns.append(((rows + hits) | (rows - hits)) & full)
    found = []
    i, j = len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            found.append(i)
            continue
        # Bits that are not set count what a prefix of `a` has in common with the first j items of `b`.
        along_b = i - (columns[j - 1] & ((1 << i) - 1)).bit_count()
        along_a = i - 1 - (columns[j] & ((1 << (i - 1)) - 1)).bit_count()
        if along_b > along_a:
            j -= 1
        else:
            i -= 1
    return found

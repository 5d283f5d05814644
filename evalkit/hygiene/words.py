"""Texts as sequences of hashed words, millions of words a second: bytes are normalised and hashed with numpy.

A word is a run of letters and digits after NFKC and case folding. Scripts that put no blanks between words (Chinese,
Japanese, Thai …) count each character as a word, so that n-grams of words are n-grams of characters there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_ASCII = bytes(
    b if chr(b).isdigit() or chr(b).islower() else b + 32 if chr(b).isupper() else 32 for b in range(128)
) + bytes(range(128, 256))
_NO_WORD = re.compile(r"[\W_]+")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, kana, Han and Hangul."""
_BLANK = 32
_PAD = b" " * 24
_FULL = (1 << 64) - 1
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(8)] + [_FULL], dtype=np.uint64)
"""Keeps the first 0–8 bytes of a little-endian word."""
_ODD = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xFF51AFD7ED558CCD], np.uint64
)
"""Odd constants of well-known 64-bit mixers (splitmix64, xxHash, MurmurHash3)."""


class Batch(Struct, frozen=True, kw_only=True):
    """The words of several texts, one after another."""

    hashes: NDArray[np.uint64]
    """(n,)"""
    bounds: NDArray[np.int64]
    """(texts + 1,) where each text's words begin, and the end."""


def plain(text: str) -> bytes:
    """The words of `text` in UTF-8 with blanks between, NFKC and case folded; nothing else is left.

    >>> plain("Great, GREAT film!").split()
    [b'great', b'great', b'film']
    """
    if text.isascii():
        return text.encode("ascii").translate(_ASCII)
    folded = unicodedata.normalize("NFKC", text).casefold()
    spaced = _UNSPACED.sub(r" \g<0> ", folded)
    return _NO_WORD.sub(" ", spaced).encode("utf-8", "replace")


def letters(words: bytes) -> bytes:
    """What `plain` gave, without its blanks: equal for texts that differ in case, spacing and punctuation only."""
    return words.translate(None, b" ")


def hashed(texts: Sequence[bytes]) -> Batch:
    """The words of texts as `plain` gives them, each a 64-bit hash of its bytes.

    Words of up to 24 bytes with equal hashes are equal but for chance (2^-64 a pair); of longer ones the first 16 and
    the last 8 bytes and the length count.
    """
    blob = b" ".join([b"", *texts, _PAD])
    raw = np.frombuffer(blob, dtype=np.uint8)
    is_word = raw != _BLANK
    edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    starts, ends = edges[0::2], edges[1::2]
    sizes = ends - starts
    eights: NDArray[np.uint64] = np.ndarray((len(raw) - 7,), dtype="<u8", buffer=blob, strides=(1,))
    # The blanks before the first text and behind the last keep every look inside the buffer.
    hashes = (eights[starts] & _MASKS[np.minimum(sizes, 8)]) * _ODD[0]
    hashes ^= hashes >> np.uint64(32)
    long = np.flatnonzero(sizes > 8)  # noqa: PLR2004 - bytes in a 64-bit word
    if len(long):
        rest = (eights[starts[long] + 8] & _MASKS[np.minimum(sizes[long] - 8, 8)]) * _ODD[1]
        last = eights[ends[long] - 8] * _ODD[2]
        hashes[long] += (rest ^ (last >> np.uint64(29))) + sizes[long].astype(np.uint64) * _ODD[3]
    hashes *= _ODD[4]
    hashes ^= hashes >> np.uint64(32)
    lengths = np.fromiter((len(text) + 1 for text in texts), np.int64, len(texts))
    offsets = np.concatenate([[1], 1 + np.cumsum(lengths)])
    return Batch(hashes=hashes, bounds=np.searchsorted(starts, offsets).astype(np.int64))


def grams(hashes: NDArray[np.uint64], n: int) -> NDArray[np.uint64]:
    """The hash of each run of `n` words, by where it begins; shape (words − n + 1,), also across texts."""
    count = max(0, len(hashes) - n + 1)
    found = np.zeros(count, np.uint64)
    for k in range(n):
        found += hashes[k : k + count]
        found *= _ODD[k % len(_ODD)]
    found ^= found >> np.uint64(31)
    return found

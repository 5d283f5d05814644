"""How an answer looks, whatever it says: what judges are known to like. Pure."""

from __future__ import annotations

import re

_HEADER = re.compile(r"^#{1,6} ", re.MULTILINE)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)]) ", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")


def looks_of(text: str) -> tuple[float, ...]:
    r"""(characters, headers, list items, bold passages): the covariates of style control in Arena-Hard v2.

    >>> looks_of("# A\n- **b**\n- c")
    (15.0, 1.0, 2.0, 1.0)
    """
    counts = (len(text), *(len(pattern.findall(text)) for pattern in (_HEADER, _BULLET, _BOLD)))
    return tuple(float(count) for count in counts)

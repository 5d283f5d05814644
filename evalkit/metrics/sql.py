"""sql: the answer is the query asked for, but for how it is laid out."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from msgspec import Struct

from evalkit.metrics.match import clip, reader_of
from evalkit.metrics.options import names
from evalkit.metrics.read import MAX_CHARACTERS, Reader, Unreadable
from evalkit.metrics.texts import right_texts, text_of, unanswered
from evalkit.types import MetricSpec, Sample, Score, Scored, Unscored

_FENCE = re.compile(r"```(?:sql)?[ \t]*\r?\n(.*?)```", re.DOTALL | re.IGNORECASE)
# Possessive throughout: each character is read once, whatever follows it. What is not closed goes on to the end.
_TOKEN = re.compile(
    r"(?P<gap>\s++|--[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?+)"
    r"|(?P<text>'(?:[^']|'')*+'?+)"
    r"|(?P<quoted>\"(?:[^\"]|\"\")*+\"?+|`[^`]*+`?+|\[[^\W\d]\w*+\])"
    r"|(?P<word>[^\W\d]\w*+)"
    r"|(?P<number>(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+)"
    r"|(?P<sign><>|!=|<=|>=|\|\||::|.)",
    re.DOTALL,
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")


class Sql(Struct, frozen=True, kw_only=True):
    """1.0 when the answer's tokens are those of a query that is right, else 0.0.

    What does not count: white space, comments, the case of keywords and of names that are not quoted, quotes around
    a name that needs none, `<>` for `!=`, semicolons at the end, a fence around the query, and a number for the star
    of COUNT(*). Anything else counts, so that two queries that mean the same but are written another way differ: no
    query is run. COUNT(column) skips nulls and is COUNT(*) only of a column that is `never_null`.
    """

    name: str
    reader: Reader
    never_null: frozenset[str] = frozenset()
    """Columns that hold a value in each row, in lower case: COUNT of one is COUNT(*) in a plain query (`_counts`)."""

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored 0.0 or 1.0; Unscored without a target (no_target, empty_target) and beyond a million characters."""
        wanted = [self._read(text) for text in right_texts(sample, self.reader)]
        if not wanted:
            return Unscored(metric=self.name, why="no_target")
        if not all(wanted):
            return Unscored(metric=self.name, why="empty_target")
        found = text_of(answer, self.reader)
        if isinstance(found, Unreadable):
            return unanswered(self.name, found)
        if len(found) > MAX_CHARACTERS:
            return Unscored(metric=self.name, why="too_long")
        said = self._read(found)
        if not said:
            return unanswered(self.name, Unreadable("no query"))
        is_right = said in wanted
        return Scored(
            metric=self.name, value=float(is_right), evidence={} if is_right else {"read": clip(" ".join(said))}
        )

    def _read(self, text: str) -> tuple[str, ...]:
        return _counts(tokens(text), self.never_null)


def tokens(text: str) -> tuple[str, ...]:
    """The tokens of a query in their common form; those of the first fenced block where there is one.

    >>> tokens("SELECT `a`, B FROM t /* all */ WHERE x <> 'It''s';")
    ('select', 'a', ',', 'b', 'from', 't', 'where', 'x', '!=', "'It''s'")
    """
    fence = _FENCE.search(text)
    found = [_token(match) for match in _TOKEN.finditer(text if fence is None else fence.group(1))]
    kept = [token for token in found if token]
    while kept and kept[-1] == ";":
        kept.pop()
    return tuple(kept)


def build_sql(spec: MetricSpec) -> Sql:
    """`sql` from its entry. Raises UsageError for options it cannot act on."""
    columns = frozenset(name.casefold() for name in names(spec, "never_null", ()))
    return Sql(name=spec.name, reader=reader_of(spec), never_null=columns)


def _counts(found: tuple[str, ...], never_null: AbstractSet[str]) -> tuple[str, ...]:
    """The tokens with COUNT(*) where a number or a column that is never null is counted, each of which counts rows.

    Of columns only in a query of one SELECT and no JOIN: an outer join or a subquery makes nulls of its own.

    >>> "".join(_counts(("count", "(", "1", ")", "+", "count", "(", "id", ")"), frozenset()))
    'count(*)+count(id)'
    """
    if "count" not in found:
        return found
    is_plain = found.count("select") == 1 and "join" not in found
    rows = [
        place + 2
        for place in range(len(found) - 3)
        if found[place] == "count"
        and found[place + 1] == "("
        and found[place + 3] == ")"
        and (found[place + 2][0].isdigit() or (is_plain and found[place + 2] in never_null))
    ]
    counted = list(found)
    for place in rows:
        counted[place] = "*"
    return tuple(counted)


def _token(match: re.Match[str]) -> str:
    part, kind = match.group(), match.lastgroup
    if kind == "gap":
        return ""
    if kind == "word":
        return part.casefold()
    if kind == "quoted":
        # A name in lower case means the same without its quotes; one with capitals does so in some dialects only.
        inner = part[1:-1]
        return inner if _PLAIN.match(inner) else f'"{inner}"'
    return "!=" if part == "<>" else part

"""sql: the answer is the query asked for, but for how it is laid out."""

from __future__ import annotations

import re

from msgspec import Struct

from evalkit.metrics.match import clip, reader_of
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
    a name that needs none, `<>` for `!=`, semicolons at the end, and a fence around the query. Anything else counts,
    so that two queries that mean the same but are written another way differ: no query is run.
    """

    name: str
    reader: Reader

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored 0.0 or 1.0; Unscored without a target (no_target, empty_target) and beyond a million characters."""
        wanted = [tokens(text) for text in right_texts(sample, self.reader)]
        if not wanted:
            return Unscored(metric=self.name, why="no_target")
        if not all(wanted):
            return Unscored(metric=self.name, why="empty_target")
        found = text_of(answer, self.reader)
        if isinstance(found, Unreadable):
            return unanswered(self.name, found)
        if len(found) > MAX_CHARACTERS:
            return Unscored(metric=self.name, why="too_long")
        said = tokens(found)
        if not said:
            return unanswered(self.name, Unreadable("no query"))
        is_right = said in wanted
        return Scored(
            metric=self.name, value=float(is_right), evidence={} if is_right else {"read": clip(" ".join(said))}
        )


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
    return Sql(name=spec.name, reader=reader_of(spec))


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

"""One rating page as data: what raters see, and the key that unblinds it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, to_builtins

from evalkit.errors import ExecutionError
from evalkit.fingerprint import canonical_bytes
from evalkit.report.rating.draw import Showing, Stratum

KEY_SCHEMA = "evalkit.rate-key/1"
SIDES = ("baseline", "candidate")


class Item(Struct, frozen=True, kw_only=True):
    """One comparison as a rater sees it. Nothing here says which side is whose."""

    item: str
    prompt: str
    left: str
    right: str


class Sheet(Struct, frozen=True, kw_only=True):
    """All of a page that was not written by evalkit: rubric and comparisons."""

    rubric: str
    items: tuple[Item, ...]

    @property
    def batch(self) -> str:
        """64 hex digits over everything raters see: one other letter makes another batch."""
        shown = {"v": 1, "rubric": self.rubric, "items": [to_builtins(item) for item in self.items]}
        return hashlib.sha256(canonical_bytes(shown)).hexdigest()


class Key(Struct, frozen=True, kw_only=True):
    """What unblinds the ratings of one page. It stays beside the run and never goes into the page."""

    run: str
    suite: str
    metric: str
    batch: str
    secret: str
    """64 hex digits."""
    n: int
    """How many samples were asked for."""
    alike: int
    """Samples with two equal answers: nobody is shown them, and they count as the same."""
    strata: tuple[Stratum, ...]
    showings: tuple[Showing, ...]

    def as_document(self) -> dict[str, Any]:
        """rate-key.json."""
        return {"schema": KEY_SCHEMA, **to_builtins(self)}

    @property
    def by_item(self) -> Mapping[str, Showing]:
        """The comparisons by the name they have on the page."""
        return {showing.item: showing for showing in self.showings}


def read_key(document: Mapping[str, Any], where: str) -> Key:
    """The key in a rate-key.json. Raises ExecutionError, naming the file, where it is none."""
    try:
        _checked(document["schema"] == KEY_SCHEMA, f"its schema is {document['schema']!r}, not {KEY_SCHEMA!r}")
        fields = {name: _of_type(document, name, str) for name in ("run", "suite", "metric", "batch", "secret")}
        counts = {name: _of_type(document, name, int) for name in ("n", "alike")}
        strata = tuple(Stratum(**row) for row in document["strata"])
        showings = tuple(Showing(**row) for row in document["showings"])
        bytes.fromhex(fields["secret"])
        _checked(all(showing.left in SIDES for showing in showings), "a left side is neither baseline nor candidate")
    except (KeyError, TypeError, ValueError) as error:
        raise ExecutionError(f"{where} is damaged, so ratings of its page cannot be read: {error}") from error
    return Key(**fields, **counts, strata=strata, showings=showings)


def sheet_of(rubric: str, showings: Sequence[Showing], texts: Mapping[str, Mapping[str, str]]) -> Sheet:
    """The page's content. `texts`: sample → its `prompt`, `baseline` and `candidate`, already made safe to show."""
    items = []
    for showing in showings:
        of = texts[showing.sample]
        right = SIDES[1 - SIDES.index(showing.left)]
        items.append(Item(item=showing.item, prompt=of["prompt"], left=of[showing.left], right=of[right]))
    return Sheet(rubric=rubric, items=tuple(items))


def _of_type(document: Mapping[str, Any], name: str, wanted: type) -> Any:
    if not isinstance(document[name], wanted):
        raise TypeError(f"{name} is no {wanted.__name__}")
    return document[name]


def _checked(is_right: bool, told: str) -> None:  # noqa: FBT001 - the condition is what is checked
    if not is_right:
        raise ValueError(told)

"""promptfoo tests that ask for texts in several ways (contains here, icontains there), as one assertion each.

A suite has one target a row and one metric that looks for it. All of a test's texts together are `contains-all`,
several accepted ones are `contains-any`; where one test folds case, all of them do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import structs

from evalkit.jobs.importing.draft import Notes
from evalkit.jobs.importing.promptfoo_asserts import Assertion, Test
from evalkit.types import JsonValue

_FAMILY = frozenset(
    {"contains", "icontains", "contains-all", "icontains-all", "contains-any", "icontains-any"},
)
_LIMIT = 2
"""Of one test nothing is general."""


def merged(tests: Sequence[Test], notes: Notes) -> list[Test]:
    """The tests with their assertions of that family made one kind, where that loses nothing but case.

    As they are where it would lose more: where a test has two lists of accepted texts, or one beside another text.
    Assertions that say the same of every test stay what they are.
    """
    same = _of_every_test(tests)
    own = [[one for one in asked if one.type in _FAMILY and _key(one) not in same] for _, asked in tests]
    kinds = {one.type for found in own for one in found}
    if len(kinds) < _LIMIT and all(len(found) < _LIMIT for found in own):
        return list(tests)
    is_any = any(one.type.endswith("-any") and len(_texts(one.value)) > 1 for found in own for one in found)
    if is_any and any(len(found) > 1 or (found and _wants_all(found[0])) for found in own):
        return list(tests)
    is_folded = any(kind.startswith("i") for kind in kinds)
    kind = f"{'i' if is_folded else ''}contains-{'any' if is_any else 'all'}"
    if kind in {type_ for type_, _ in same}:  # each test would have two of that kind, of which no metric can be made
        return list(tests)
    notes.add(
        f"{', '.join(f'`{name}`' for name in sorted(kinds))} are measured as one, `{kind}`"
        + (", which takes no notice of case." if is_folded and any(not name.startswith("i") for name in kinds) else ".")
    )
    return [
        (variables, [*(one for one in asked if one not in found), *_as_one(kind, found)])
        for (variables, asked), found in zip(tests, own, strict=True)
    ]


def _as_one(kind: str, found: Sequence[Assertion]) -> list[Assertion]:
    texts: list[JsonValue] = [text for one in found for text in _texts(one.value)]
    further = tuple(sorted({key for one in found for key in one.further}))
    return [structs.replace(found[0], type=kind, value=texts, further=further)] if found else []


def _of_every_test(tests: Sequence[Test]) -> set[tuple[str, str]]:
    if len(tests) < _LIMIT:
        return set()
    seen = Counter(key for _, asked in tests for key in {_key(one) for one in asked})
    return {key for key, n in seen.items() if n == len(tests)}


def _key(one: Assertion) -> tuple[str, str]:
    return one.type, repr(one.value)


def _wants_all(one: Assertion) -> bool:
    return not one.type.endswith("-any") and len(_texts(one.value)) > 1


def _texts(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]

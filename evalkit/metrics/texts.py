"""What a metric of texts compares: the words of the answer or of one field of it, and the texts that are right."""

from __future__ import annotations

from evalkit.metrics.match import clip
from evalkit.metrics.read import Reader, Unreadable, accepted_texts, lookup, read_json, shown
from evalkit.types import Sample, Scored


def text_of(answer: str, reader: Reader) -> str | Unreadable:
    """The answer, or what stands in its field as text; Unreadable for silence and for a field that is not there."""
    if reader.field is None:
        return answer if answer.strip() else Unreadable("empty")
    value = read_json(answer, reader.extract)
    found = value if isinstance(value, Unreadable) else lookup(value, reader.field)
    if isinstance(found, Unreadable):
        return found
    text = shown(found)
    return text if text.strip() else Unreadable("empty")


def right_texts(sample: Sample, reader: Reader) -> tuple[str, ...]:
    """The texts a sample accepts, other values as text; empty where it has no target or lists nothing."""
    gold = reader.gold(sample.target)
    if gold is None or gold == []:
        return ()
    return accepted_texts(gold) or (shown(gold),)


def unanswered(metric: str, found: Unreadable) -> Scored:
    """The score of an answer in which there is nothing to compare: wrong, and not answered."""
    return Scored(metric=metric, value=0.0, is_answered=False, evidence={"unreadable": clip(found.why)})

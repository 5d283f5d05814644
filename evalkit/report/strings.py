"""The words that appear in more than one rendering, and the explanations, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evalkit.report.text import MAX_FIELD_CHARS


class Look(NamedTuple):
    """How a verdict looks: never by colour alone."""

    word: str
    mark: str
    css: str
    """Class name: tint and shape."""
    alert: str
    """GitHub's alert block of the same weight."""
    gloss: str
    """What the word means for the reader."""


VERDICTS: Mapping[str, Look] = {
    "ship": Look("SHIP", "✔", "ship", "TIP", "Everything the suite asks for was shown."),
    "dont_ship": Look("DON’T SHIP", "✖", "dont", "CAUTION", "The suite’s demands were not met."),
    "inconclusive": Look("INCONCLUSIVE", "?", "open", "WARNING", "The evidence settles it neither way."),
    "invalid": Look("INVALID", "!", "invalid", "CAUTION", "These answers can support no verdict at all."),
    "error": Look("ERROR", "⚡", "error", "CAUTION", "The run could not be carried out."),
}
UNKNOWN_VERDICT = Look("NO VERDICT", "!", "error", "CAUTION", "This file carries no verdict.")


class Mark(NamedTuple):
    """How the state of one asked row or guard looks."""

    sign: str
    word: str
    css: str


STATES: Mapping[str, Mark] = {
    "held": Mark("✔", "held", "held"),
    "regressed": Mark("✖", "not met", "failed"),
    "unresolved": Mark("?", "too few to tell", "unsettled"),
    "not_measured": Mark("–", "not measured", "absent"),
    "warning": Mark("!", "look at this", "warned"),
}
UNKNOWN_STATE = Mark("–", "unknown", "absent")

FLIPS: Mapping[str, tuple[str, str]] = {
    "broken": ("▼", "broken"),
    "fixed": ("▲", "fixed"),
    "both_wrong": ("✖", "both wrong"),
    "both_right": ("✔", "both right"),
    "unscored": ("–", "unscored"),
}

SIDES = ("baseline", "candidate")

KINDS: Mapping[str, tuple[str, str]] = {
    "truncated": ("cut off", "ran into max_tokens"),
    "refusal": ("refusal", "declines to answer"),
    "unparseable": ("format: cannot be read", "empty, or not in the form that is read: JSON alone, a number alone"),
    "schema": ("format: against the schema", "can be read, and breaks the schema"),
    "behaviour": ("behaviour", "breaks a rule on how to answer: length, words, tool calls"),
    "label": ("wrong label", "well formed, and names another label"),
    "task": ("the task itself", "well formed and wrong, though what was asked holds all it takes"),
    "knowledge": ("knowledge", "well formed, and nothing in it is right"),
}
"""Kinds of wrong answers: a name, and what it means."""

OUTCOMES: Mapping[str, str] = {
    "ok": "answered",
    "failed": "failed (no answer was had)",
    "truncated": "cut at max_tokens, nothing to score",
    "refused": "refused by a provider’s filter",
    "cut": "reached max_tokens (scored or not)",
    "cached": "answers reused from the cache",
}

WHY_UNSCORED: Mapping[str, str] = {
    "failed": "the request failed, so there is no answer",
    "truncated": "the answer was cut at max_tokens before anything could be read",
    "refused": "the provider’s filter blocked it",
    "missing": "nobody has recorded an answer",
    "metric_crashed": "the metric itself failed on this answer",
}

METHODS: Mapping[str, str] = {
    "tango": "score interval for paired shares (Tango 1998)",
    "mcnemar-midp": "McNemar’s exact test, mid-p",
    "bootstrap": "paired bootstrap over samples",
    "permutation": "paired sign-flip permutation test",
    "t": "paired t interval",
    "post-stratified": "each slice weighed by its share of the traffic (Zou and Donner 2008)",
}

GLOSSARY: Mapping[str, str] = {
    "points": "Scores run from 0 to 100. A difference is candidate minus baseline in these points, never a percentage "
    "of a percentage: 60 to 66 is +6.0 points.",
    "interval": "The range the true difference may well lie in, given that these samples are only a part of all "
    "traffic. A 95 % interval misses the truth in about one of twenty comparisons.",
    "min_delta": "The gain, in points, that the suite asks for before a candidate is worth shipping. The dashed line "
    "in the pictures.",
    "guard": "Something that must not get worse. It holds only when the interval rules out the loss the suite does "
    "not allow; “too few to tell” is neither a pass nor a failure.",
    "discordance": "The share of samples on which exactly one side is right. Only these samples tell the sides apart; "
    "the fewer they are, the tighter the interval.",
    "MDE": "Minimum detectable effect: the smallest true gain that this many samples would show with a chance of "
    "80 %. A smaller gain may be real and still go unseen.",
    "mid-p": "A p-value for yes/no outcomes that counts half of the exactly tied chance; the plain exact one is "
    "needlessly timid.",
    "p-value": "How often a difference at least this large would appear if both sides were equally good. It says "
    "nothing about how large the difference is.",
    "slice": "A part of the samples that share a property, such as one language or one kind of customer.",
    "adjusted": "Looking at many slices finds bad luck somewhere. The adjusted (wider) interval pays for that (Holm).",
    "cluster": "Samples that belong together (one customer, one document). They are not independent, so the interval "
    "counts clusters.",
    "unscored": "No evidence about a sample: the request failed, or the answer was cut off before anything could be "
    "read. Never counted as a zero.",
    "worst case": "The difference if everything unscored had gone against the candidate, and if all of it had gone "
    "its way.",
    "macro-F1": "F1 (balance of precision and recall) for each label, averaged with equal weight, so rare labels "
    "count as much as frequent ones.",
}

ASSUMPTIONS = (
    "The samples stand for the traffic you care about. No interval can make up for samples that do not.",
    (
        "Both sides answered the same samples with the same messages and settings, except for what is listed under "
        "“What differs between the sides”."
    ),
    "A failed request is missing evidence, not a wrong answer; an answer that cannot be read is a wrong answer.",
    (
        "Of candidates that pass a gate, the measured gain tends to be a little too good (the lucky ones pass). Expect "
        "somewhat less in production."
    ),
)

NO_SAMPLES = "This run left no samples to look at."
LEFT_OUT_ROW = "Left out of this page to keep it small. The texts are in samples.jsonl, under this id."


def left_out(n_rows: int, max_chars: int) -> str:
    """What a page that grew too large has to say about what it lacks; empty for a whole page."""
    if not n_rows:
        return ""
    cut = f" Texts are cut after {max_chars:,} characters." if max_chars < MAX_FIELD_CHARS else ""
    return (
        f"To keep this page small, it lists all samples but leaves out the texts of {n_rows:,} of them, those that "
        f"did not flip first.{cut} All of it is in samples.jsonl, beside this file."
    )


def verdict_look(status: str) -> Look:
    """The look of a verdict; an unknown status is shown as no verdict."""
    return VERDICTS.get(status, UNKNOWN_VERDICT)


def state_mark(state: str) -> Mark:
    """The look of a row's state; an unknown state is never a tick."""
    return STATES.get(state, UNKNOWN_STATE)


def method_words(method: str) -> str:
    """A method as the verdict names it, followed by what it is where we know a plain name for its parts."""
    parts = method.replace("+", "/").split("/")
    known = [METHODS[part.strip()] for part in parts if part.strip() in METHODS]
    return f"{method} ({'; '.join(known)})" if known else method

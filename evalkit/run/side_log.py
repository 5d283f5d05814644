"""How one side's requests ended, and what was measured on them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from msgspec import Struct, field

from evalkit.errors import ContentFiltered
from evalkit.types import Failure, ModelSpec, Outcome, Price, Response, Score, Unscored, Usage
from evalkit.types.table import Paid, Tally

_UNKNOWN = float("nan")


def is_settled(outcome: Outcome) -> bool:
    """Whether asking again would bring nothing: an answer, or the word of the provider's filter that there is none.

    Filters speak in two ways, by an answer that ends as a refusal and by an error; both are the same outcome.
    """
    return isinstance(outcome, Response) or outcome.kind == ContentFiltered.kind


def silence(answer: Outcome) -> str | None:
    """Why what came has no words of the model: "empty", "filtered" or "tool_calls"; None when it has some."""
    if isinstance(answer, Failure) or answer.finish == "refusal":
        return "filtered"
    if not answer.text.strip():
        return "empty"
    # Where a reply has tool calls and no content, its text is the list of them as JSON.
    is_list = answer.finish == "tool_calls" and answer.text.lstrip().startswith("[")
    return "tool_calls" if is_list else None


class SideLog(Struct):
    """Filled sample by sample, in the suite's order."""

    planned: int
    cap_s: float = _UNKNOWN
    """The time limit: what a request that met it took, at least."""
    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """Failures by kind."""
    examples: dict[str, str] = field(default_factory=dict)
    """Kind → what the first failure of that kind said."""
    silent: Counter[str] = field(default_factory=Counter)
    """Samples whose answers have no words, by `silence`."""
    cut: int = 0
    cached: int = 0
    served: set[str] = field(default_factory=set)
    latencies: array[float] = field(default_factory=lambda: array("d"))
    """Seconds, NaN where not measured."""
    first_tokens: array[float] = field(default_factory=lambda: array("d"))
    """Seconds to the first token of text, NaN where not measured."""
    costs: array[float] = field(default_factory=lambda: array("d"))
    """USD, NaN where unknown."""
    paid: Paid = Paid()

    def add(self, answers: Sequence[Outcome], primary: Score, spec: ModelSpec) -> dict[str, Any]:
        """Counts one sample (its first repeat speaks for its status); returns its part of the samples.jsonl row."""
        first = answers[0] if answers else None
        responses = [a for a in answers if isinstance(a, Response)]
        late: list[float | None] = []
        if len(responses) < len(answers):
            late = self._late(answers, spec)
            for failure in (a for a in answers if isinstance(a, Failure)):
                self.kinds[failure.kind] += 1
                self.examples.setdefault(failure.kind, failure.message)
        self._count([answer for answer in answers if is_settled(answer)])
        # A cached answer took no time; a recorded one has none to tell.
        live = [r for r in responses if not r.is_cached]
        waits = late if spec.options.get("stream") else []
        self.latencies.append(_mean([r.latency_s for r in live] + late))
        self.first_tokens.append(_mean([r.ttft_s for r in live] + waits))
        self.costs.append(_mean([spec.price.usd(r.usage) for r in responses]) if spec.price else _UNKNOWN)
        for response in responses:
            self.paid = _with(self.paid, response.usage, spec.price)
        self.cached += bool(responses) and not live
        status = _status(first, primary)
        self.statuses[status] += 1
        return _answer_row(first, status)

    def _count(self, settled: Sequence[Outcome]) -> None:
        whys, is_cut = [], False
        for response in settled:
            whys.append(silence(response))
            if isinstance(response, Failure):
                continue
            is_cut = is_cut or response.finish == "length"
            if response.served_model:
                self.served.add(response.served_model)
        if whys and all(whys):
            self.silent[str(whys[0])] += 1
        self.cut += is_cut

    def _late(self, answers: Sequence[Outcome], spec: ModelSpec) -> list[float | None]:
        """The time limit for each request that met it: leaving them out would make the slower side look faster."""
        is_batch = spec.options.get("batch") is True  # where nothing is timed, and what expires is late otherwise
        return [] if is_batch else [self.cap_s for a in answers if isinstance(a, Failure) and a.kind == "timed_out"]

    def tally(self) -> Tally:
        """The counts, frozen."""
        return Tally(
            planned=self.planned,
            ok=self.statuses["ok"],
            failed=self.statuses["failed"] + self.statuses["missing"],
            truncated=self.statuses["truncated"],
            refused=self.statuses["refused"],
            cut=self.cut,
            cached=self.cached,
            kinds=dict(self.kinds),
            examples=dict(self.examples),
            empty=self.silent["empty"],
            filtered=self.silent["filtered"],
            tool_calls=self.silent["tool_calls"],
        )


def _with(paid: Paid, usage: Usage, price: Price | None) -> Paid:
    """One more answer."""
    return Paid(
        answers=paid.answers + 1,
        counted=paid.counted + (usage.input_tokens is not None and usage.output_tokens is not None),
        input_tokens=_sum(paid.input_tokens, usage.input_tokens),
        output_tokens=_sum(paid.output_tokens, usage.output_tokens),
        usd=paid.usd + ((price and price.usd(usage)) or 0.0),
    )


def _sum(before: int | None, one: int | None) -> int | None:
    """Nothing counted is not zero."""
    return before if one is None else (before or 0) + one


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    if len(known) == 1:
        return known[0]
    return fmean(known) if known else _UNKNOWN


def _status(first: Outcome | None, primary: Score) -> str:
    if first is None:
        return "missing"
    if (isinstance(first, Failure) and is_settled(first)) or getattr(first, "finish", "") == "refusal":
        return "refused"  # also where the primary metric scores that
    if isinstance(primary, Unscored) and primary.why in {"truncated", "refused"}:
        return primary.why
    return "failed" if isinstance(first, Failure) else "ok"


def _answer_row(first: Outcome | None, status: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "status": status,
        "text": None,
        "finish": None,
        "error": None,
        "latency_s": None,
        "input_tokens": None,
        "output_tokens": None,
        "cached": False,
        "attempts": 0,
    }
    match first:
        case Response():
            row |= {
                "text": first.text,
                "finish": first.finish,
                "latency_s": first.latency_s,
                "input_tokens": first.usage.input_tokens,
                "output_tokens": first.usage.output_tokens,
                "cached": first.is_cached,
                "attempts": first.attempts,
            }
            if first.ttft_s is not None:
                row["ttft_s"] = first.ttft_s
        case Failure():
            row |= {"error": f"{first.kind}: {first.message}", "attempts": first.attempts}
        case None:
            row["error"] = "no answer is recorded for this sample"
    return row

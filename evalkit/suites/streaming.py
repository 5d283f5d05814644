"""What `stream: true` in some entries only, or in none, would leave unmeasured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalkit.types import GateSpec, ModelSpec


def stream_warnings(gate: GateSpec, models: Mapping[str, ModelSpec]) -> Iterator[str]:
    """What the author should know before anything is asked: sides timed in different ways, a guard without times."""
    asked = [spec for spec in models.values() if spec.backend != "outputs"]
    silent = [f"{spec.place}.stream" for spec in asked if spec.options.get("stream") is not True]
    if silent and len(silent) < len(asked):
        yield (
            f"Without {' and '.join(silent)}, one side's answers are streamed and another's are not: their times are "
            "not taken alike."
        )
    elif silent:
        for i, guard in enumerate(gate.guards):
            if guard.kind == "ttft":
                yield f"gate.guards[{i}] is about the first token, which takes `stream: true` in every model's entry."

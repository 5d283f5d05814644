"""What a model entry says to its backend, read with every mistake collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.errors import Diagnostic, UsageError
from evalkit.types import JsonValue, ModelSpec

OWN_PLACE = {
    "stream": "write `stream: true` into the entry itself",
    "model": "write `model: …` into the entry itself",
    "messages": "every sample would be asked the same; what is asked stands in `prompt`, here or in `dataset`",
}
"""Fields of a request that `extra_body` may not set → where they stand instead."""


class Entry:
    """Reads the options of one model entry of a hosted model; `refuse` then raises what was wrong with them."""

    def __init__(self, spec: ModelSpec, known: Sequence[str]) -> None:
        self._spec = spec
        self._problems: list[str] = []
        if not spec.model:
            self._say("model", f"backend {spec.backend} needs a model's name")
        if spec.adapter is not None:
            self._say("adapter", "a hosted model has its adapter inside: name the fine-tuned model in `model`")
        for name in spec.options:
            if name not in known:
                self._say(name, f"unknown key for {spec.backend} (known: {', '.join(known)})")

    def is_true(self, name: str, *, default: bool = False) -> bool:
        """A yes or no."""
        return bool(self.one_of(name, (True, False), default))

    def is_batch(self) -> bool:
        """`batch`, with a look at `batch_discount`, which has been applied to the prices already."""
        share = self._spec.options.get("batch_discount", 0.5)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 <= share <= 1.0:
            self._say("batch_discount", "must be the share of the price that a batch costs, 0 to 1, such as 0.5")
        return self.is_true("batch")

    def is_streamed(self) -> bool:
        """`stream`, which a batch may not have; `extra_body` has neither it nor what else has a place of its own."""
        is_asked = self.is_true("stream")
        if is_asked and self._spec.options.get("batch") is True:
            self._say("stream", "the answers of a batch are not streamed; take out stream, or batch")
        extra = self._spec.options.get("extra_body")
        if isinstance(extra, Mapping):
            for name in [name for name in OWN_PLACE if name in extra]:
                self._say(f"extra_body.{name}", OWN_PLACE[name])
        return is_asked

    def one_of(self, name: str, allowed: Sequence[Any], default: Any) -> Any:
        """One of the values allowed."""
        value = self._spec.options.get(name, default)
        if not any(value is known or (isinstance(known, str) and value == known) for known in allowed):
            words = " or ".join(str(known).lower() for known in allowed)
            self._say(name, f"must be {words}")
            return default
        return value

    def text(self, name: str) -> str | None:
        """A text without line breaks, or None where the entry has none."""
        value = self._spec.options.get(name)
        if value is None or (isinstance(value, str) and value and value.isascii() and value.isprintable()):
            return value
        self._say(name, "must be a name on one line")
        return None

    def names(self, name: str) -> tuple[str, ...]:
        """A list of names; empty where the entry has none."""
        value = self._spec.options.get(name, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(str(item) for item in value)
        self._say(name, "must be a list of names, such as [temperature, seed]")
        return ()

    def mapping(self, name: str) -> Mapping[str, JsonValue]:
        """A mapping; empty where the entry has none."""
        value = self._spec.options.get(name, {})
        if isinstance(value, Mapping):
            return dict(value)
        self._say(name, "must be a mapping")
        return {}

    def refuse(self) -> None:
        """Raises UsageError with everything found wrong, if there is anything."""
        if self._problems:
            line = self._spec.line
            raise UsageError(diagnostics=tuple(Diagnostic(message=text, line=line) for text in self._problems))

    def _say(self, name: str, text: str) -> None:
        self._problems.append(f"models.{self._spec.role}.{name}: {text}")

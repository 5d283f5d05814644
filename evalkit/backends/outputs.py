"""`outputs`: answers somebody already has, one JSON object a line. Nothing is asked and nothing is sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from evalkit.backends.http.redact import redact
from evalkit.errors import Diagnostic, NotRecorded, RecordedError, UsageError
from evalkit.fingerprint import file_sha256
from evalkit.suites.data import read_answers
from evalkit.suites.diagnostics import Problems, nearest
from evalkit.suites.shelf import Shelf
from evalkit.types import Finish, JsonValue, ModelIdentity, ModelSpec, Request, Response, Usage

CONCURRENCY = 256
_FINISHES = ("stop", "length", "refusal")

_KEYS = frozenset({"id", "repeat", "output", "finish", "error", "latency_s", "usage"})
_OTHER_NAMES = {
    "id": ("sample_id", "uid", "key", "custom_id"),
    "output": ("answer", "response", "completion", "prediction", "generated_text", "text", "content"),
}
"""What other tools call these keys."""

Place = tuple[str, int]
"""Which answer: sample id and repeat."""


class Row(Struct, frozen=True, kw_only=True):
    """One recorded answer, or the record that there was none."""

    id: str
    repeat: int = 0
    output: str = ""
    finish: Finish = "stop"
    error: str | None = None
    latency_s: float | None = None
    usage: Usage

    def response(self) -> Response:
        """The recorded answer. Raises RecordedError where the row says that there was none."""
        if self.error is not None:
            raise RecordedError(redact(self.error))
        return Response(text=self.output, finish=self.finish, usage=self.usage, latency_s=self.latency_s)


class Outputs:
    """Answers from a file. `open` reads all of it, so that a mistake in the last line is found before the first."""

    concurrency = CONCURRENCY

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: Mapping[Place, Row] = {}

    async def open(self) -> ModelIdentity:
        """The identity: fixed, and proven by the file's own sha256. Raises UsageError, located, for malformed rows."""
        self._rows = read_rows(self._path)
        return ModelIdentity(weights_sha256=file_sha256(self._path), engine="recorded answers", is_fixed=True)

    def wire(self, request: Request) -> dict[str, JsonValue]:
        """Which row answers the request: all that an answer depends on beside the file's digest."""
        return {"recorded": request.key.sample_id, "repeat": request.key.repeat}

    async def answer(self, request: Request) -> Response:
        """The recorded answer. Raises NotRecorded where there is no row, RecordedError where the row is an error."""
        row = self._rows.get((request.key.sample_id, request.key.repeat))
        if row is None:
            repeat = f", repeat {request.key.repeat}" if request.key.repeat else ""
            raise NotRecorded(f"{self._path.name} has no row for {request.key.sample_id!r}{repeat}")
        return row.response()

    async def close(self) -> None:
        """Forgets the rows."""
        self._rows = Rows({})


def make(spec: ModelSpec, *, timeout_s: float) -> Outputs:  # noqa: ARG001 - a factory's signature; nothing here can hang
    """The backend for one model entry; reads nothing yet. Raises UsageError for an entry it cannot act on."""
    problems = [
        f"models.{spec.role}.{name}: backend outputs replays recorded answers and takes no {name}"
        for name in ("adapter", "base_url", "api_key_env")
        if getattr(spec, name) is not None
    ]
    problems += [f"models.{spec.role}.{name}: unknown key for backend outputs" for name in spec.options]
    if spec.path is None:
        problems.append(f"models.{spec.role}: backend outputs needs path: a .jsonl file of answers")
    if problems or spec.path is None:
        raise UsageError(diagnostics=tuple(Diagnostic(message=text, line=spec.line) for text in problems))
    return Outputs(spec.path)


def recorded_ids(path: Path) -> tuple[str, ...]:
    """The sample ids in the file, each once, in order of appearance. Raises UsageError like `read_rows`."""
    return tuple(dict.fromkeys(sample_id for sample_id, _ in read_rows(path)))


class Rows(Mapping[Place, Row]):
    """Recorded answers by sample id and repeat; long ones stay on disk until they are looked at."""

    def __init__(self, values: Mapping[Place, Mapping[str, Any]]) -> None:
        self._values = values

    def __getitem__(self, place: Place) -> Row:
        return _row(self._values[place])

    def __iter__(self) -> Iterator[Place]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def read_rows(path: Path) -> Rows:
    """All rows of a file of recorded answers, by sample id and repeat.

    Raises UsageError with every mistake found (the first 20 of them), each with its line, when the file cannot be
    read, a row is malformed, two rows claim the same place or there is no row at all.
    """
    rows: dict[Place, Mapping[str, Any]] = {}
    lines: dict[Place, int] = {}
    shelf = Shelf()
    problems = Problems(_shown(path))
    for number, value in read_answers(path, problems):
        try:
            row = _row(value)
        except ValueError as error:
            problems.add(number, str(error))
            continue
        place = (row.id, row.repeat)
        if place in rows:
            repeat = f", repeat {row.repeat}" if row.repeat else ""
            problems.add(number, f"a second answer for {row.id!r}{repeat}; the first is in line {lines[place]}")
        rows[place], lines[place] = shelf.keep(value), number
    if not rows and not problems.listed:
        problems.add(1, "the file holds no answers", fix='write {"id": "…", "output": "…"}, one a line')
    if problems.listed:
        raise UsageError(diagnostics=problems.all())
    return Rows(rows)


def _shown(path: Path) -> str:
    """The path as a user would write it from where they are."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _row(value: Mapping[str, Any]) -> Row:
    """One line as a Row. Raises ValueError with a clause about the line."""
    sample_id = value.get("id")
    if isinstance(sample_id, int) and not isinstance(sample_id, bool):
        sample_id = str(sample_id)  # ids are compared as text everywhere
    if not isinstance(sample_id, str) or not sample_id:
        raise ValueError("id: must be text" if "id" in value else _missing("id", value))
    error, output = value.get("error"), value.get("output")
    if error is None and "output" not in value and _meant("output", value):
        raise ValueError(_missing("output", value))
    if error is not None and not isinstance(error, str):
        raise ValueError("error: must be text that says why there is no answer")
    if error is None and not isinstance(output, str):
        raise ValueError("output: must be text; where there was no answer, say why in `error`")
    finish = value.get("finish") or "stop"
    if finish not in _FINISHES:
        raise ValueError(f"finish: must be one of {', '.join(_FINISHES)}, not {finish!r}")
    latency_s = value.get("latency_s")
    return Row(
        id=sample_id,
        repeat=_count(value.get("repeat"), "repeat") or 0,
        output=output if isinstance(output, str) else "",
        finish=cast("Finish", finish),
        error=error,
        latency_s=None if latency_s is None else _seconds(latency_s),
        usage=_usage(value.get("usage")),
    )


def _missing(key: str, value: Mapping[str, Any]) -> str:
    meant = _meant(key, value)
    return f"the key {key} is missing" + (f" (did you mean the one you call {meant[:60]!r}?)" if meant else "")


def _meant(key: str, value: Mapping[str, Any]) -> str | None:
    """The key of the row that was most likely meant for `key`: under a usual other name, or misspelt."""
    further = [name for name in value if name not in _KEYS]
    return next((name for name in _OTHER_NAMES[key] if name in further), None) or nearest(key, further)


def _usage(value: Any) -> Usage:
    if value is None:
        return Usage()
    if not isinstance(value, dict):
        raise ValueError("usage: must be an object with input_tokens and output_tokens")  # noqa: TRY004 - as above
    # OpenAI's names too: with theirs left unread, copied replies would have counts and the report would deny it.
    sent = "prompt_tokens" if "input_tokens" not in value and "prompt_tokens" in value else "input_tokens"
    written = "completion_tokens" if "output_tokens" not in value and "completion_tokens" in value else "output_tokens"
    return Usage(
        input_tokens=_count(value.get(sent), f"usage.{sent}"),
        output_tokens=_count(value.get(written), f"usage.{written}"),
        cached_tokens=_count(value.get("cached_tokens"), "usage.cached_tokens"),
    )


def _count(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name}: must be a whole number, 0 or more")
    return value


def _seconds(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise ValueError("latency_s: must be a number of seconds, 0 or more")
    return float(value)

"""A sample as the messages one side gets: system turn, few-shot turns, then the question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.data import reach
from evalkit.suites.diagnostics import did_you_mean, listing
from evalkit.suites.records.record import spoken
from evalkit.suites.sandbox import BUDGET, TEMPLATE_ERRORS, PromptEnvironment, fields_only, fill, join
from evalkit.types import JsonValue, Message, ModelSpec, Prompt, Sample

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


class PromptError(UsageError):
    """A prompt cannot be made from a row."""

    def __init__(
        self, message: str, *, line: int | None = None, name: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(diagnostics=(Diagnostic(message=message, help=fix),))
        self.message = message
        self.fix = fix
        self.line = line
        """Of the template, where the fault lies in it."""
        self.name = name
        """The word at fault."""


class Renderer:
    """Makes messages for one side; its template is compiled once. Raises PromptError for a bad template."""

    def __init__(self, spec: ModelSpec) -> None:
        self._composer = Composer(spec.prompt)
        self._head = [Message(role="system", content=spec.prompt.system)] if spec.prompt.system else []
        self._shots = [message for shot in spec.prompt.shots for message in shot]

    def messages(self, sample: Sample) -> tuple[Message, ...]:
        """All turns for this sample, byte for byte as they are sent. Raises UsageError that names the sample."""
        try:
            turns, _ = self._composer.turns(sample.fields)
        except PromptError as error:
            found = Diagnostic(message=f"sample '{sample.id[:100]}': {error.message}", help=error.fix)
            raise UsageError(diagnostics=(found,)) from None
        if self._head:
            turns = [turn for turn in turns if turn.role not in {"system", "developer"}]
        elif self._shots:
            n_head = next((i for i, turn in enumerate(turns) if turn.role not in {"system", "developer"}), len(turns))
            return (*turns[:n_head], *self._shots, *turns[n_head:])
        return (*self._head, *self._shots, *turns)


class Composer:
    """A row as the turns of one question, and the answer the row holds where it is a finished chat."""

    def __init__(self, prompt: Prompt) -> None:
        self._field = prompt.messages_field
        self._template = None if prompt.template is None else _compiled(prompt.template)
        self._parts = None if prompt.template is None else fields_only(prompt.template)

    def turns(self, row: Mapping[str, JsonValue]) -> tuple[list[Message], str | None]:
        """(turns up to the last user turn, content of the assistant turn after it or None)."""
        if self._template is not None:
            joined = join(self._parts, row) if self._parts is not None else None
            content = _rendered(self._template, row) if joined is None else joined
            return [Message(role="user", content=content)], None
        if self._field is not None:
            return _chat(row, self._field)
        return [], None


def render(spec: ModelSpec, sample: Sample) -> tuple[Message, ...]:
    """What `spec`'s side is sent for `sample`. For many samples, keep a Renderer."""
    return Renderer(spec).messages(sample)


def target_text(target: JsonValue) -> str:
    """A target as an assistant would write it: text as it is, everything else as JSON with keys in file order."""
    return target if isinstance(target, str) else json.dumps(target, ensure_ascii=False)


def _compiled(source: str) -> Any:
    try:
        return PromptEnvironment().from_string(source)
    except TemplateSyntaxError as error:
        raise PromptError(f"not a prompt template: {_plain(error)}", line=error.lineno) from None
    except (TemplateError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PromptError(f"not a prompt template: {_plain(error)}") from None


def _rendered(template: Any, row: Mapping[str, JsonValue]) -> str:
    try:
        return fill(template, row)
    except UndefinedError as error:
        line = _template_line(error)
        name = error.message or ""
        if name.startswith("there is no "):
            raise PromptError(name, line=line) from None
        fields = [key for key in row if key != BUDGET]
        message = f"there is no field '{name[:60]}' in the row{did_you_mean(name, fields)}"
        raise PromptError(message, line=line, name=name, fix=f"the row has: {listing(fields)}") from None
    except TEMPLATE_ERRORS as error:
        raise PromptError(_plain(error), line=_template_line(error)) from None


def _plain(error: BaseException) -> str:
    if isinstance(error, RecursionError | MemoryError):
        return "nested too deeply"
    text = (error.message if isinstance(error, TemplateError) else None) or str(error) or type(error).__name__
    return text[:1].lower() + text[1:200]


def _template_line(error: BaseException) -> int | None:
    """The line of the template that raised, read off the compiled template's own line table."""
    line, trace = None, error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


def _chat(row: Mapping[str, JsonValue], field: str) -> tuple[list[Message], str | None]:
    is_there, turns = reach(row, field)
    if not is_there or not isinstance(turns, list) or not turns:
        what = f"'{field}' holds no list of turns" if is_there else f"the row has no '{field}'"
        raise PromptError(f"{what}", fix='turns look like [{"role": "user", "content": "…"}, …]')
    users = (i for i, turn in enumerate(turns) if isinstance(turn, dict) and spoken(turn)[0] == "user")
    last_user = max(users, default=len(turns))
    messages = [_turn(turn, number, field, is_answer=number > last_user) for number, turn in enumerate(turns)]
    if last_user == len(turns):
        raise PromptError(f"'{field}' has no user turn: there is nothing to ask")
    answers = [message.content for message in messages[last_user + 1 :] if message.role == "assistant"]
    return messages[: last_user + 1], answers[-1] if answers else None


def _turn(turn: JsonValue, number: int, field: str, *, is_answer: bool) -> Message:
    where = f"'{field}', turn {number + 1}"
    if not isinstance(turn, dict):
        raise PromptError(f"{where}: a turn is an object with role and content")
    role, content = spoken(turn)
    if not isinstance(role, str) or role not in ROLES:
        raise PromptError(f"{where}: the role must be one of {', '.join(sorted(ROLES))}")
    if is_answer and content is None and (calls := turn.get("tool_calls")):
        content = json.dumps(calls, ensure_ascii=False)  # an answer that is nothing but calls, as tool_call reads them
    if not isinstance(content, str):
        raise PromptError(f"{where}: the content must be text")
    return Message(role=role, content=content)


def strip_answer(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The turns without leading system turns: what a few-shot example shows."""
    return tuple(message for message in messages if message.role not in {"system", "developer"})

"""Prompt templates as a closed language: jinja2's syntax for text, fields, loops and a few filters, nothing else.

jinja2's immutable sandbox keeps templates away from Python's insides, but lets `{{ 'a' * 200000000 }}` build 200 MB.
Here a template is checked node by node before it is compiled (no calls but `range`, no macros, no includes), every
filter and every growing operator pays into a budget, and a render that outgrows it is refused. Sample text is
only ever a value: it is never compiled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from msgspec import Struct, field

from evalkit.suites.grammar import CONCAT, MAX_TAGS, TURNS, admit

MAX_RENDERED = 1_000_000
"""Characters one template may produce for one sample."""
MAX_WORK = 4_000_000
"""Steps of about 10 ns that one render may take, as its filters, operators and loops count them."""
MAX_TURNS = 10_000
"""Loop turns of one render, nested ones counted."""
MAX_CPU_S = 2.0
"""Where the counting is wrong after all. CPU time of this thread, so that a busy machine refuses nothing."""
CALL_STEPS = 100
"""Steps of calling a filter, before it touches anything."""
ITEM_STEPS = 50
"""Steps of one item passing through a lazy filter."""
NODE_STEPS = 10
"""Steps of one node of a loop's body."""
_STEPS_PER_ITEM = {"sort": 200, "dictsort": 200, "unique": 20, "min": 20, "max": 20, "title": 10, "wordcount": 10}
MAX_RANGE = 10_000
MAX_NUMBER = 10**15
BUDGET = "\0budget"
"""The context key of a render's budget; no template can spell it."""

_PLAIN_FILTERS = (
    *("default", "d", "trim", "upper", "lower", "title", "capitalize", "length", "count", "first", "last"),
    *("truncate", "int", "float", "abs", "string", "list", "sort", "unique", "reverse", "items", "dictsort"),
    *("wordcount", "map", "select", "reject", "selectattr", "rejectattr", "min", "max"),
)
_TESTS = (
    *("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping"),
    *("sequence", "iterable", "even", "odd", "divisibleby", "in", "==", "eq", "equalto", "!=", "ne"),
    *("<", "lt", "lessthan", "<=", "le", ">", "gt", "greaterthan", ">=", "ge"),
)
_LOOP_FIELDS = frozenset(
    {"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem", "depth", "depth0"}
)


class Budget(Struct):
    """What one render has used up so far."""

    work: int = 0
    turns: int = 0
    started: float = field(default_factory=time.thread_time)

    def pay(self, size: int) -> None:
        """Raises SecurityError once MAX_WORK is spent."""
        self.work += size
        if self.work > MAX_WORK:
            raise SecurityError("the template does too much work for one sample")

    def turn(self, n_nodes: int) -> None:
        """Raises SecurityError once MAX_TURNS, MAX_WORK or MAX_CPU_S is spent."""
        self.turns += 1
        if self.turns > MAX_TURNS:
            raise SecurityError(f"the template loops more than {MAX_TURNS:,} times")
        self.pay(NODE_STEPS * n_nodes)
        if self.turns % 64 == 0 and time.thread_time() - self.started > MAX_CPU_S:
            raise SecurityError("the template takes too long for one sample")


class _Missing(StrictUndefined):
    """An undefined value whose error carries a name to look for, instead of Python's types."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        holder = self._undefined_obj
        if isinstance(holder, dict):
            known = ", ".join(str(key)[:40] for key in list(holder)[:12])
            return f"there is no '{self._undefined_name}' in the object (it has: {known})"
        return str(self._undefined_name)


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """The language of prompt templates. `from_string` raises TemplateError for everything outside it."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(autoescape=False, undefined=_Missing, optimized=False, finalize=_finalize)
        self.globals = {"range": _range}
        self.filters = {name: _paid(FILTERS[name], _STEPS_PER_ITEM.get(name, 1)) for name in _PLAIN_FILTERS}
        self.filters |= {"join": _join, "replace": _replace, "indent": _indent, "round": _round, "tojson": _tojson}
        self.filters |= {TURNS: _turns, CONCAT: _concat}
        self.tests = {name: TESTS[name] for name in _TESTS}
        self.policies = {**self.policies, "truncate.leeway": 0}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if source.count("{{") + source.count("{%") > MAX_TAGS:
            raise TemplateSyntaxError(f"more than {MAX_TAGS:,} tags", 1, name, filename)
        tree = super()._parse(source, name, filename)
        return admit(tree)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of an object or a field of `loop`; Python attributes do not exist here."""
        if isinstance(obj, LoopContext):
            return getattr(obj, attribute) if attribute in _LOOP_FIELDS else self.undefined(obj=obj, name=attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An entry of an object, a list or a text."""
        if isinstance(obj, Undefined):
            return obj[argument]
        if isinstance(obj, dict | list | str | tuple):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                if isinstance(argument, str) and argument.lstrip("-").isdecimal() and not isinstance(obj, dict):
                    return self.getitem(obj, int(argument[:9]))
        hint = None if isinstance(obj, dict) else f"there is no '{str(argument)[:60]}' in {_kind(obj)}"
        return self.undefined(hint, obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`+ * ** %` on numbers within bounds; `+` also on texts and lists, as far as the budget goes."""
        if operator == "+" and type(left) is type(right) and isinstance(left, str | list | tuple):
            _budget(context).pay(CALL_STEPS + len(left) + len(right))
            return left + right
        if not all(isinstance(side, int | float) for side in (left, right)):
            for side in (left, right):
                if isinstance(side, Undefined):
                    str(side)
            raise SecurityError(f"'{operator}' works on numbers only; join texts with ~")
        if max(abs(left), abs(right)) > MAX_NUMBER or (operator == "**" and abs(right) > 64):  # noqa: PLR2004 - no prompt needs higher powers
            raise SecurityError(f"the numbers around '{operator}' are too large")
        if operator == "**" and abs(left) > 1000:  # noqa: PLR2004 - the same
            raise SecurityError("the numbers around '**' are too large")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 - jinja2's own signature
        """Only `range`."""
        # Inside a loop jinja2 hands the loop's own variables over as well.
        if obj is not _range or kwargs.keys() - {"_loop_vars", "_block_vars"}:
            raise SecurityError("only range() can be called in a prompt")
        return _range(*args)


def fill(template: Any, fields: Mapping[str, Any]) -> str:
    """The template over the fields. Raises TemplateError, TypeError, ValueError, ArithmeticError or LookupError."""
    pieces: list[str] = []
    size = 0
    for piece in template.root_render_func(template.new_context({**fields, BUDGET: Budget()})):
        size += len(piece)
        if size > MAX_RENDERED:
            raise SecurityError(f"the prompt grows beyond {MAX_RENDERED:,} characters")
        pieces.append(piece)
    return "".join(pieces)


def fields_only(source: str) -> tuple[tuple[str, bool], ...] | None:
    """A template of nothing but text and whole fields as ((text or field name, is a field), …); None for any other.

    Most prompts are this simple, and joining them is ten times faster than a render. Raises TemplateError as
    `PromptEnvironment.from_string` does.
    """
    found: list[tuple[str, bool]] = []
    for node in PromptEnvironment().parse(source).body:
        if not isinstance(node, nodes.Output):
            return None
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                found.append((part.data, False))
            elif isinstance(part, nodes.Name):
                found.append((part.name, True))
            else:
                return None
    return tuple(found)


def join(parts: tuple[tuple[str, bool], ...], fields: Mapping[str, Any]) -> str | None:
    """The template of `fields_only` over fields that are all texts; None where a render has to look closer."""
    pieces: list[str] = []
    for part, is_field in parts:
        piece = fields.get(part) if is_field else part
        if type(piece) is not str:
            return None
        pieces.append(piece)
    text = "".join(pieces)
    return text if len(text) <= MAX_RENDERED else None


def _kind(value: Any) -> str:
    return {str: "a text", list: "a list", int: "a number", float: "a number", bool: "true or false"}.get(
        type(value), "nothing"
    )


def _finalize(value: Any) -> Any:
    """Objects and lists as JSON: Python's way to write them has no place in a prompt."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple) else value


def _budget(context: Context) -> Budget:
    budget = context.parent[BUDGET]
    assert isinstance(budget, Budget)  # noqa: S101 - put there by `fill`, for mypy
    return budget


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict) else 1


def _range(*bounds: int) -> range:
    span = range(*bounds)
    if len(span) > MAX_RANGE:
        raise SecurityError(f"a range may hold {MAX_RANGE:,} numbers")
    return span


def _paid(function: Callable[..., Any], steps: int) -> Callable[..., Any]:
    """A jinja2 filter that pays for what it reads, what it makes and each item it passes on."""
    kind = getattr(function, "jinja_pass_arg", None)

    @pass_context
    def paid(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget = _budget(context)
        budget.pay(CALL_STEPS + steps * _size(value))
        if kind is None:
            made = function(value, *args, **kwargs)
        else:
            first: Any = {
                "context": context,
                "environment": context.environment,
                "eval_context": context.eval_ctx,
            }[kind.name]
            made = function(first, value, *args, **kwargs)
        if isinstance(made, Iterator):
            return _passing(made, budget)
        budget.pay(_size(made))
        return made

    return paid


def _passing(items: Iterator[Any], budget: Budget) -> Iterator[Any]:
    for item in items:
        budget.pay(ITEM_STEPS)
        yield item


@pass_context
def _turns(context: Context, value: Any, n_nodes: int) -> Any:
    """What a loop goes over, counted; sized where it was, because `loop.last` asks ahead."""
    if isinstance(value, Undefined):
        return value
    if isinstance(value, range | list | tuple | dict | str):
        return _Turns(value, _budget(context), n_nodes)
    return _counted(value, _budget(context), n_nodes)


def _counted(value: Any, budget: Budget, n_nodes: int) -> Iterator[Any]:
    for item in value:
        budget.turn(n_nodes)
        yield item


class _Turns(Struct, frozen=True):
    value: Any
    budget: Budget
    n_nodes: int

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return _counted(self.value, self.budget, self.n_nodes)


@pass_context
def _concat(context: Context, _empty: str, *parts: Any) -> str:
    texts = [str(_finalize(part)) for part in parts]
    _budget(context).pay(CALL_STEPS + sum(map(len, texts)))
    return "".join(texts)


@pass_context
def _join(context: Context, value: Any, d: str = "", attribute: str | None = None) -> str:
    items = list(value)
    if attribute is not None:
        items = [context.environment.getitem(item, attribute) for item in items]
    texts = [str(_finalize(item)) for item in items]
    glue = str(d)
    _budget(context).pay(CALL_STEPS + sum(map(len, texts)) + len(glue) * len(texts))
    return glue.join(texts)


@pass_context
def _replace(context: Context, value: Any, old: str, new: str) -> str:
    text, old, new = str(value), str(old), str(new)
    _budget(context).pay(CALL_STEPS + len(text) + text.count(old) * len(new))
    return text.replace(old, new)


@pass_context
def _indent(context: Context, value: Any, width: int = 4, first: bool = False) -> str:  # noqa: FBT001, FBT002 - jinja2's own signature
    if not (isinstance(width, int) and 0 <= width <= 100):  # noqa: PLR2004 - wider is no indentation
        raise SecurityError("indent takes a width from 0 to 100")
    lines = str(value).split("\n")
    _budget(context).pay(CALL_STEPS + sum(map(len, lines)) + width * len(lines))
    pad = " " * width
    return "\n".join(pad + line if line and (first or i) else line for i, line in enumerate(lines))


@pass_context
def _round(context: Context, value: Any, precision: int = 0) -> Any:
    _budget(context).pay(CALL_STEPS)
    if not (isinstance(precision, int) and 0 <= precision <= 15):  # noqa: PLR2004 - a double has no more digits
        raise SecurityError("round takes a precision from 0 to 15")
    return round(float(value), precision)


@pass_context
def _tojson(context: Context, value: Any, indent: int | None = None) -> str:
    if indent is not None and not (isinstance(indent, int) and 0 <= indent <= 8):  # noqa: PLR2004 - wider is no indentation
        raise SecurityError("tojson takes an indent from 0 to 8")
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    _budget(context).pay(CALL_STEPS + len(text))
    return text


TEMPLATE_ERRORS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What `fill` may raise on behalf of a template."""

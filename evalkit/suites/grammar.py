"""Which of jinja2's syntax a prompt template may use, decided on the parsed template before it is compiled."""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.visitor import NodeVisitor

MAX_TAGS = 2_000
MAX_NESTED_LOOPS = 6
TURNS = "_turns"
CONCAT = "_concat"
"""Filters a template cannot name: loops and `~` are routed through them, so that both pay."""

_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem),
    *(nodes.For, nodes.If, nodes.Filter, nodes.FilterBlock, nodes.Test, nodes.Compare, nodes.Operand),
    *(nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div),
    *(nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
    *(nodes.Slice, nodes.Keyword, nodes.Assign, nodes.AssignBlock, nodes.With, nodes.Call),
)


def admit(tree: nodes.Template) -> nodes.Template:
    """The template with its loops and `~` counted. Raises TemplateSyntaxError for whatever is not in the language."""
    _check(tree, 0)
    _Counted().visit(tree)
    return tree


class _Counted(NodeVisitor):
    """Routes loops and `~` through the budget."""

    def visit(self, node: nodes.Node, *_args: Any, **_kwargs: Any) -> Any:
        """Visits children first, so that a `~` inside a `~` is found."""
        for child in list(node.iter_child_nodes()):
            self.visit(child)
        if isinstance(node, nodes.For):
            node.iter = nodes.Filter(node.iter, TURNS, [nodes.Const(_weight(node))], [], None, None, lineno=node.lineno)
            node.iter.set_environment(_environment_of(node))
        for name, value in list(node.iter_fields()):
            if isinstance(value, nodes.Concat):
                setattr(node, name, _as_filter(value))
            elif isinstance(value, list):
                value[:] = [_as_filter(item) if isinstance(item, nodes.Concat) else item for item in value]
        return node


def _weight(node: nodes.For) -> int:
    """How many steps one turn takes: the nodes of the loop's body, inner loops' bodies counted once."""
    return sum(1 for child in node.find_all(nodes.Node) if not isinstance(child, nodes.TemplateData))


def _environment_of(node: nodes.Node) -> Any:
    return node.environment


def _as_filter(node: nodes.Concat) -> nodes.Filter:
    made = nodes.Filter(nodes.Const("", lineno=node.lineno), CONCAT, node.nodes, [], None, None, lineno=node.lineno)
    made.set_environment(_environment_of(node))
    return made


def _check(node: nodes.Node, loops: int) -> None:
    """Raises TemplateSyntaxError for whatever is not in the language."""
    line = node.lineno or 1
    if isinstance(node, nodes.For):
        loops += 1
        if node.recursive or loops > MAX_NESTED_LOOPS:
            raise TemplateSyntaxError("loops may not recurse or nest so deeply", line)
    if isinstance(node, nodes.Call) and not (
        isinstance(node.node, nodes.Name)
        and node.node.name == "range"
        and node.dyn_args is None
        and node.dyn_kwargs is None
    ):
        what = node.node.attr if isinstance(node.node, nodes.Getattr) else getattr(node.node, "name", "this")
        raise TemplateSyntaxError(
            f"'{str(what)[:40]}' cannot be called: prompts know range() and filters, no methods", line
        )
    name = node.attr if isinstance(node, nodes.Getattr) else node.name if isinstance(node, nodes.Name) else ""
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        name = node.arg.value if isinstance(node.arg.value, str) else ""
    if name.startswith("__"):
        raise TemplateSyntaxError(f"'{name[:40]}' is off limits: names may not start with two underscores", line)
    if isinstance(node, nodes.Filter | nodes.Test) and node.name.startswith("_"):
        raise TemplateSyntaxError(f"there is no filter '{node.name[:40]}'", line)
    if not isinstance(node, (*_NODES, nodes.EvalContextModifier)) or isinstance(node, nodes.EvalContextModifier):
        raise TemplateSyntaxError(f"'{type(node).__name__.lower()}' is not part of the prompt language", line)
    for child in node.iter_child_nodes():
        _check(child, loops)

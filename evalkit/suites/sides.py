"""Entries of `models:` as ModelSpecs: what they inherit, the files they name, the keys their backend knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import UsageError
from evalkit.suites.data import reach, read_data, why_unreadable
from evalkit.suites.diagnostics import Findings, did_you_mean, dotted, listing, nearest
from evalkit.suites.files import Tree
from evalkit.suites.jsonl import Row
from evalkit.suites.lookalikes import did_you_mean_path
from evalkit.suites.masking import is_secret_key
from evalkit.suites.paths import Refused, anywhere, inside
from evalkit.suites.pricing import priced
from evalkit.suites.prompts import Composer, PromptError, strip_answer, target_text
from evalkit.suites.samples import chosen
from evalkit.suites.schema import Dataset
from evalkit.suites.shape import Parts
from evalkit.suites.side_schema import BACKEND_KEYS, KEY_VARIABLES, SIDE_KEYS, Fewshot, Side, loc_of
from evalkit.suites.yaml_source import Loc
from evalkit.types import Generation, JsonValue, Message, ModelSpec, Prompt

TEXT_ENDINGS = (".md", ".txt", ".j2", ".jinja")
_REQUIRED = {
    "local": ("model",),
    "outputs": ("path",),
    "openai_compatible": ("base_url", "model"),
    "vllm": ("model",),
    "openai": ("model",),
    "anthropic": ("model",),
}
_PROMPT_KEYS = ("system", "prompt", "messages", "fewshot")


class BuiltSide(Struct, frozen=True, kw_only=True):
    """A side and where its template was written, for errors found by rendering."""

    spec: ModelSpec
    composer: Composer
    template_loc: Loc
    template_file: Path | None = None


class Workshop(Struct, frozen=True, kw_only=True):
    """What every side is built from."""

    parts: Parts
    tree: Tree
    suite_file: Path
    """Resolved."""
    findings: Findings
    backends: frozenset[str]
    version: str

    def file(self, text: str, loc: Loc) -> Path | None:
        """The existing file, or None after adding a finding."""
        found = self.tree.file(text)
        if isinstance(found, Refused):
            self.findings.at(loc, f"{dotted(loc)}: {found.why}", help=found.help)
            return None
        return found


def build_side(role: str, side: Side, shop: Workshop, at: Loc | None = None) -> BuiltSide | None:
    """One side, or None after adding findings for whatever keeps it from being built.

    `at` is where the entry stands, by default where the suite has the side of this role.
    """
    n_before = len(shop.findings)
    loc = at or loc_of(role)
    check_keys(side, loc, shop)
    origins = _origins(side, loc, shop.parts.dataset)
    prompt, template_file = _prompt(origins, shop)
    composer = _composer(prompt, template_file, origins["prompt"][1], shop)
    fewshot, fewshot_loc = origins["fewshot"]
    if composer is not None and isinstance(fewshot, Fewshot):
        shots = _shots(fewshot, fewshot_loc, composer, shop)
        prompt = Prompt(
            system=prompt.system, template=prompt.template, messages_field=prompt.messages_field, shots=shots
        )
    spec = ModelSpec(
        role=role,
        backend=side.backend,
        model=_model(side, loc, shop),
        adapter=_adapter(side, loc, shop),
        path=_answers(side, loc, shop),
        base_url=side.base_url,
        api_key_env=side.api_key_env or KEY_VARIABLES.get(side.backend),
        options=dict(side.model_extra or {}),
        price=None if side.price is None else priced(side.price, side.model_extra or {}),
        prompt=prompt,
        generation=_generation(side, loc, shop),
        line=shop.findings.source.line_of(loc),
    )
    if composer is None or len(shop.findings) > n_before:
        return None
    return BuiltSide(spec=spec, composer=composer, template_loc=origins["prompt"][1], template_file=template_file)


def check_keys(side: Side, loc: Loc, shop: Workshop) -> None:
    """Adds findings for an unknown backend, keys it does not read and keys it cannot do without."""
    findings, backend = shop.findings, side.backend
    for key in side.model_extra or {}:
        _refuse_secrets(key, (side.model_extra or {})[key], (*loc, key), findings)
    if backend not in shop.backends:
        known_here = f"available: {listing(sorted(shop.backends))}"
        message = f"there is no backend '{backend[:60]}'{did_you_mean(backend, shop.backends)}; {known_here}"
        findings.at((*loc, "backend"), f"{dotted((*loc, 'backend'))}: {message}")
        return
    known = BACKEND_KEYS.get(backend)
    if known is None:
        return
    given = set(side.model_fields_set) | set(side.model_extra or {})
    _check_known(given, known | SIDE_KEYS, side, loc, shop)


def _check_known(given: set[str], known: frozenset[str], side: Side, loc: Loc, shop: Workshop) -> None:
    """Adds findings for keys a built-in backend does not read and for those it needs; a misspelt key is one mistake."""
    misspelt: set[str | None] = set()
    for key in sorted(given - known):
        if is_secret_key(key):
            continue
        hint = f"it reads: {listing(sorted(known))}"
        if key == "adapter":
            hint = "a server offers an adapter as a model of its own: put that name in `model`"
        misspelt.add(nearest(key, known))
        message = f"unknown key '{dotted((*loc, key))}' for backend '{side.backend}'{did_you_mean(key, known)}"
        shop.findings.at((*loc, key), message, help=hint, on_key=True)
    for key in _REQUIRED[side.backend]:
        if getattr(side, key) is None and key not in misspelt:
            message = f"{dotted((*loc, key))} is missing: backend '{side.backend}' needs it"
            shop.findings.at(loc, message, on_key=True)


def _refuse_secrets(key: str, value: Any, loc: Loc, findings: Findings) -> None:
    if is_secret_key(key):
        hint = "put the key in an environment variable and name that variable in `api_key_env`"
        findings.at(loc, f"'{dotted(loc)}': a suite holds no secrets", help=hint, on_key=True)
    elif isinstance(value, dict):
        for inner, item in value.items():
            _refuse_secrets(inner, item, (*loc, inner), findings)


def _origins(side: Side, loc: Loc, dataset: Dataset | None) -> dict[str, tuple[Any, Loc]]:
    """Each prompt key's value and where it was written: at the side, else at the dataset."""
    origins: dict[str, tuple[Any, Loc]] = {}
    for key in _PROMPT_KEYS:
        is_own = key in side.model_fields_set
        origins[key] = (getattr(side, key), (*loc, key)) if is_own else (getattr(dataset, key, None), ("dataset", key))
    # A side that says how to ask in one way does not also ask in the dataset's other way.
    if side.prompt is not None and "messages" not in side.model_fields_set:
        origins["messages"] = (None, origins["messages"][1])
    if side.messages is not None and "prompt" not in side.model_fields_set:
        origins["prompt"] = (None, origins["prompt"][1])
    return origins


def _prompt(origins: Mapping[str, tuple[Any, Loc]], shop: Workshop) -> tuple[Prompt, Path | None]:
    messages, _ = origins["messages"]
    template, template_loc = origins["prompt"]
    if messages is not None and template is not None:
        shop.findings.at(
            template_loc,
            f"{dotted(template_loc)}: `messages` and `prompt` exclude each other",
            help="keep one",
            on_key=True,
        )
    system, _ = _text(origins["system"], shop)
    text, file = _text(origins["prompt"], shop)
    return Prompt(system=system or None, template=text, messages_field=messages), file


def _text(origin: tuple[Any, Loc], shop: Workshop) -> tuple[str | None, Path | None]:
    """(text, file it came from): a literal as it is, a file's content without its last line break."""
    value, loc = origin
    if not isinstance(value, str) or not _may_be_path(value):
        return value, None
    is_surely_file = value.lower().endswith(TEXT_ENDINGS) or ("/" in value and not re.search(r"\s", value))
    if not is_surely_file:
        found = inside(value, shop.tree.folder, shop.tree.root)
        if isinstance(found, Refused) or not found.is_file():
            return value, None
    path = shop.tree.file(value)
    if isinstance(path, Refused):
        hint = path.help
        if hint is None and not path.is_mistyped:
            hint = "to use it as text, write it as a block: `|` and the text on the next line"
        shop.findings.at(loc, f"{dotted(loc)}: {path.why}", help=hint)
        return None, None
    try:
        text = shop.tree.text(path)
    except UsageError as error:
        shop.findings.extend(error.diagnostics)
        return None, None
    return text.removesuffix("\n"), path


def _may_be_path(value: str) -> bool:
    return bool(value.strip()) and len(value) <= 255 and not re.search(r"[\n\x00]|\{\{|\{%", value)  # noqa: PLR2004 - NAME_MAX of every file system


def _composer(prompt: Prompt, file: Path | None, loc: Loc, shop: Workshop) -> Composer | None:
    try:
        return Composer(prompt)
    except PromptError as error:
        report_prompt(error, file, loc, shop)
        return None


def report_prompt(error: PromptError, file: Path | None, loc: Loc, shop: Workshop) -> None:
    """Adds a template's error at its line: in the prompt's file, or at the value in suite.yaml."""
    from_file = None if file is None else shop.tree.text(file).split("\n")
    if file is None or from_file is None:
        shop.findings.at(loc, f"{dotted(loc)}: {error.message}", help=error.fix)
        return
    line = min(error.line or 1, len(from_file))
    text = from_file[line - 1]
    found = re.search(rf"\b{re.escape(error.name)}\b", text) if error.name else None
    column = found.start() + 1 if found else 1
    shop.findings.add_in(
        shop.tree.show(file), (line, column, len(error.name or "") if found else 1), text, error.message, error.fix
    )


def _shots(fewshot: Fewshot, loc: Loc, composer: Composer, shop: Workshop) -> tuple[tuple[Message, ...], ...]:
    """The chosen examples as turns; () after adding findings."""
    findings, dataset = shop.findings, shop.parts.dataset
    path_loc = (*loc, "path")
    if (problem := why_unreadable(fewshot.path)) is not None:
        findings.at(path_loc, f"{dotted(path_loc)}: {problem[0]}", help=problem[1])
        return ()
    path = shop.file(fewshot.path, path_loc)
    if path is None or dataset is None:
        return ()
    held_out = inside(dataset.path, shop.tree.folder, shop.tree.root)
    if path == held_out:
        findings.at(
            path_loc,
            f"{dotted(path_loc)}: the examples come from the held-out samples themselves",
            help="take them from other rows",
        )
        return ()
    try:
        data = read_data(path, shop.tree)
    except UsageError as error:
        findings.extend(error.diagnostics)
        return ()
    findings.extend(data.problems)
    if fewshot.k > len(data.rows):
        findings.at(
            (*loc, "k"),
            f"{dotted((*loc, 'k'))}: {fewshot.k} examples asked for, {data.path.name} holds {len(data.rows)}",
        )
        return ()
    shots = []
    for line, row in chosen(data.rows, fewshot.k, str(fewshot.seed)):
        try:
            shots.append(_shot(row, composer, dataset))
        except PromptError as error:
            findings.add_in(data.shown, (line, None, 1), None, error.message, error.fix)
    return tuple(shots)


def _shot(row: Row, composer: Composer, dataset: Dataset) -> tuple[Message, ...]:
    turns, answer = composer.turns(row)
    if dataset.target is not None:
        is_there, target = reach(row, dataset.target)
        if not is_there:
            raise PromptError(f"the example has no '{dataset.target}', which dataset.target names")
        answer = target_text(target)
    if answer is None:
        raise PromptError("the example has no answer", fix="name the column of right answers in dataset.target")
    return (*strip_answer(turns), Message(role="assistant", content=answer))


def _model(side: Side, loc: Loc, shop: Workshop) -> str | None:
    """The model's name, or the resolved path of a weights file or folder."""
    if side.model is not None and side.backend == "vllm" and side.base_url is None:
        folder = anywhere(side.model, shop.tree.folder)
        return str(folder) if isinstance(folder, Path) and folder.is_dir() else side.model
    if side.model is None or side.backend != "local" or not side.model.lower().endswith(".gguf"):
        return side.model
    path = _weights(side.model, (*loc, "model"), shop)
    return None if path is None else str(path)


def _adapter(side: Side, loc: Loc, shop: Workshop) -> Path | None:
    """The adapter's file or folder, for backends that read one."""
    if side.adapter is None or "adapter" not in BACKEND_KEYS.get(side.backend, {"adapter"}):
        return None
    return _weights(side.adapter, (*loc, "adapter"), shop)


def _answers(side: Side, loc: Loc, shop: Workshop) -> Path | None:
    """The file of recorded answers, for backends that read one."""
    if side.path is None or "path" not in BACKEND_KEYS.get(side.backend, {"path"}):
        return None
    return shop.file(side.path, (*loc, "path"))


def _weights(text: str, loc: Loc, shop: Workshop) -> Path | None:
    path = anywhere(text, shop.tree.folder)
    if isinstance(path, Path) and not path.exists():
        near = did_you_mean_path(text, shop.tree.folder)
        hint = None if near else "paths are relative to the suite's folder"
        path = Refused(why=f"there is no file or folder '{text[:200]}'{near}", help=hint)
    if isinstance(path, Refused):
        shop.findings.at(loc, f"{dotted(loc)}: {path.why}", help=path.help)
        return None
    return path


def _generation(side: Side, loc: Loc, shop: Workshop) -> Generation:
    """The suite's decoding with the side's own keys on top."""
    merged: dict[str, Any] = {}
    schema_loc: Loc = ("generation", "response_schema")
    for keys in (shop.parts.generation, side.generation):
        if keys is not None:
            merged |= {key: getattr(keys, key) for key in keys.model_fields_set}
    if side.generation is not None and "response_schema" in side.generation.model_fields_set:
        schema_loc = (*loc, "generation", "response_schema")
    named = merged.pop("response_schema", None)
    schema = None if named is None else schema_file(named, schema_loc, shop, is_applied=False)
    return Generation(**merged, response_schema=schema)


def schema_file(text: str, loc: Loc, shop: Workshop, *, is_applied: bool) -> dict[str, JsonValue] | None:
    """A JSON Schema from its file, or None after adding a finding."""
    path = shop.file(text, loc)
    if path is None:
        return None
    try:
        return shop.tree.schema(path, is_applied=is_applied)
    except UsageError as error:
        shop.findings.extend(error.diagnostics)
        return None

"""A scripted judge: it reads its question as a model would, and replies as it was asked to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.judging.load import load_judge
from evalkit.judging.spec import Item, JudgeSpec
from evalkit.testing import Asked, Rule, answers
from evalkit.types import Response, Usage
from evalkit.types.outcome import Finish

BLOCK = re.compile(r'<data-([0-9a-f]{16}) name="(\w+)"[^>]*>(.*)</data-\1>')
RUBRIC = {
    "schema": "evalkit.judge/1",
    "id": "colour",
    "retest": 0,
    "inputs": ["question", "reference", "output"],
    "criteria": [{"id": "right", "question": "Is OUTPUT the colour of REFERENCE?", "pass": "yes", "fail": "no"}],
}
MARKED = {**RUBRIC, "criteria": [*RUBRIC["criteria"], {"id": "tone", "question": "?", "scale": {"min": 1, "max": 5},
                                                       "anchors": {"1": "rude", "5": "kind"}}]}  # fmt: skip
PAIR = {
    "schema": "evalkit.judge/1",
    "id": "better",
    "retest": 0,
    "mode": "pairwise",
    "inputs": ["question", "reference", "output"],
    "criteria": [{"id": "right", "question": "Which is the colour of REFERENCE?"}],
}


def blocks(prompt: str) -> dict[str, str | None]:
    """What the judge is shown, by name."""
    return {found[2]: json.loads(found[3]) for found in BLOCK.finditer(prompt)}


def unfenced(prompt: str) -> str:
    """What stands outside every block: the only words a well-behaved judge obeys."""
    return BLOCK.sub("", prompt)


def reply(verdicts: Mapping[str, str], quotes: Sequence[str] = (), *, injection: bool = False, **more: Any) -> str:
    """A reply in the form that is asked for."""
    findings = {
        name: {"evidence": list(quotes), "reasoning": "because", "verdict": verdict}
        for name, verdict in verdicts.items()
    }
    return json.dumps({"criteria": findings, "injection_attempt": injection} | more)


def said(text: str, finish: Finish = "stop") -> Response:
    """The reply as it comes from the engine."""
    return Response(text=text, finish=finish, usage=Usage(input_tokens=10, output_tokens=5))


def fair(asked: Asked) -> str:
    """Passes what equals its reference; of two answers prefers the one that does."""
    seen = blocks(asked.prompt)
    if "FIRST" in seen:
        first, second = (seen[name] == seen["REFERENCE"] for name in ("FIRST", "SECOND"))
        return reply({"right": "tie" if first == second else "first" if first else "second"})
    output = str(seen["OUTPUT"])
    return reply({"right": "pass" if output == seen["REFERENCE"] else "fail"}, [output])


def judging(text: str | Callable[[Asked], str] = fair, model: str = "grader", **more: Any) -> Rule:
    """The rule by which a scripted server grades."""
    return Rule(behaviour=answers(text, **more), match=lambda asked: asked.model == model)


def model_at(base_url: str, **more: Any) -> dict[str, Any]:
    """The entry of a judge's model."""
    return {"backend": "openai_compatible", "base_url": base_url, "model": "grader", **more}


def write_judge(folder: Path, document: Mapping[str, Any], name: str = "judge.yaml") -> Path:
    """The judge as a file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(document, indent=1))
    return path


def spec_of(folder: Path, document: Mapping[str, Any] = RUBRIC, **changes: Any) -> JudgeSpec:
    """The judge, read; its model is never asked."""
    whole = {**document, "model": model_at("http://127.0.0.1:1/v1"), **changes}
    return load_judge(str(write_judge(folder, whole)))


def item(output: str = "red", other: str | None = None, **inputs: str | None) -> Item:
    shown = {"question": "Which colour?", "reference": "red"} | inputs
    return Item(id="s1 abc", inputs=shown, output=output, other=other)

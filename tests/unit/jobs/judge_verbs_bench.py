"""A judge in a folder, and a scripted server that grades as a test wants it to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from evalkit.testing import Rule, ScriptedServer, answers

_BLOCK = re.compile(r'<data-[0-9a-f]+ name="([A-Z]+)"[^>]*>(.*)</data-[0-9a-f]+>')


def shown(prompt: str) -> dict[str, str]:
    """What the judge is shown, by name in capitals."""
    return {name: json.loads(text) for name, text in _BLOCK.findall(prompt)}


def reply(criterion: str, verdict: str) -> str:
    finding = {criterion: {"evidence": [], "reasoning": "so it is", "verdict": verdict}}
    return json.dumps({"criteria": finding, "injection_attempt": False})


def grader(decide: Callable[[dict[str, str]], str], criterion: str = "correct") -> ScriptedServer:
    """A server that answers every judge's question with a verdict of `decide`, given what was shown."""
    rule = Rule(behaviour=answers(lambda asked: reply(criterion, decide(shown(asked.prompt)))))
    return ScriptedServer([rule], models=("base", "tuned", "gpt-4o"))


def write_judge(folder: Path, base_url: str, **changes: object) -> Path:
    """A judge of one criterion, whether an answer is right by its reference."""
    document = {
        "schema": "evalkit.judge/1",
        "id": "mine",
        "version": "1.0",
        "mode": "reference",
        "model": {"backend": "openai_compatible", "base_url": base_url, "model": "base"},
        "inputs": ["question", "reference", "output"],
        "criteria": [{"id": "correct", "question": "Is it right?", "scale": "pass_fail", "pass": "yes", "fail": "no"}],
    } | changes
    path = folder / "judges" / "mine.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def write_lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_items(folder: Path, n: int = 40, *, others: bool = False) -> Path:
    """n answers, the odd ones wrong, under `judges/calibration`, where the judge finds them."""
    rows = [
        {
            "item_id": f"i{i:03d}",
            "question": f"How many days does case {i} take?",
            "reference": f"It takes {i + 10} days.",
            "output": f"Case {i} is done in {i + 10 + i % 2} days.",
        }
        | ({"other": f"I can not say how long case {i} is."} if others else {})
        for i in range(n)
    ]
    return write_lines(folder / "judges" / "calibration" / "mine.items.jsonl", rows)


def label(i: int, verdict: str, rater: str = "ann", **more: object) -> dict[str, object]:
    return {"item_id": f"i{i:03d}", "rater_id": rater, "criterion": "correct", "verdict": verdict, **more}


def number(text: str) -> str:
    """The last number in a text."""
    return re.findall(r"\d+", text)[-1] if re.search(r"\d", text) else ""


def is_right(blocks: dict[str, str]) -> bool:
    """Whether the answer's first sentence ends with the reference's number."""
    first = re.split(r"(?<=\.)\s|\n\n", blocks["OUTPUT"].replace("## Answer\n\n", ""))[0]
    return bool(number(first)) and number(first) == number(blocks["REFERENCE"])


def fair(blocks: dict[str, str]) -> str:
    return "pass" if is_right(blocks) else "fail"

"""A suite against the scripted server, and evalkit as a child process: what the promises are shown with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.testing import Asked, Behaviour, Rule, ScriptedServer, answers

REPO = Path(__file__).resolve().parents[1]
LABELS = ("red", "green", "blue")


def label_of(index: int) -> str:
    return LABELS[index % 3]


def number_in(asked: Asked) -> int:
    return int(asked.prompt.rsplit(" ", 1)[-1])


def right_below(limit: int) -> Callable[[Asked], str]:
    """Right for sample numbers below `limit`, wrong (but readable) from there on."""

    def say(asked: Asked) -> str:
        index = number_in(asked)
        return label_of(index) if index < limit else label_of(index + 1)

    return say


def side(model: str, behaviour: Behaviour, **more: Any) -> Rule:
    return Rule(behaviour=behaviour, match=lambda asked: asked.model == model, **more)


def scripted(base: int, tuned: int, *extra: Rule, **server: Any) -> ScriptedServer:
    """A server whose `base` is right on the first so many samples and whose `tuned` on the first so many."""
    return ScriptedServer(
        [*extra, side("base", answers(right_below(base))), side("tuned", answers(right_below(tuned)))], **server
    )


@dataclass(frozen=True)
class Finished:
    """A child evalkit that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


@dataclass(frozen=True)
class Bench:
    """A folder with a suite in it, and evalkit to run there."""

    folder: Path

    def write_suite(self, base_url: str, n: int = 60, **changes: Any) -> Path:
        """A colour suite of n samples against `base_url`; `changes` replace top-level keys."""
        home = self.folder / "suite"
        home.mkdir(exist_ok=True)
        rows = [{"id": f"s{i:04d}", "text": f"item {i}", "label": label_of(i), "part": "ab"[i % 2]} for i in range(n)]
        (home / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        models = {
            role: {"backend": "openai_compatible", "base_url": base_url, "model": name}
            for role, name in (("baseline", "base"), ("candidate", "tuned"))
        }
        document = {
            "version": 1,
            "name": "colours",
            "dataset": {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label"},
            "models": models,
            "generation": {"temperature": 0, "max_tokens": 16},
            "metrics": [{"name": "exact", "type": "exact_match"}],
            "gate": {"primary": {"metric": "exact", "min_delta": 5.0}},
        } | changes
        path = home / "suite.yaml"
        path.write_text(json.dumps(document, indent=1))
        return path

    def start(self, *arguments: str | Path, **more: Any) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(REPO), "NO_COLOR": "1"} | more.pop("env", {})
        return subprocess.Popen(
            [sys.executable, "-m", "evalkit", *map(str, arguments)],
            cwd=more.pop("cwd", self.folder),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def evalkit(self, *arguments: str | Path, **more: Any) -> Finished:
        """One evalkit command, to its end."""
        child = self.start(*arguments, **more)
        out, err = child.communicate(timeout=600)
        return Finished(child.returncode, out, err)

    def run(self, suite: Path, *arguments: str) -> Finished:
        return self.evalkit("run", suite, "--json", *arguments)

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """samples.jsonl of a finished run."""
        file = self.folder / "reports" / document["suite"] / document["run"] / "samples.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()]

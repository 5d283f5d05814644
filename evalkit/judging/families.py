"""Which family a model comes from, guessed from its name: models favour the answers of their own kind.

Self-preference of judges: Panickssery et al. 2024, arXiv:2404.13076.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from evalkit.judging.spec import JudgeSpec
from evalkit.types import ModelSpec

_FAMILIES = (
    ("OpenAI", r"gpt|chatgpt|o[1345]|davinci|text-embedding"),
    ("Anthropic", r"claude"),
    ("Google", r"gemini|gemma|palm|t5"),
    ("Meta", r"llama|codellama|opt"),
    ("Mistral", r"mistral|mixtral|ministral|magistral|codestral|devstral|zephyr"),
    ("Qwen", r"qwen|qwq|qvq"),
    ("DeepSeek", r"deepseek"),
    ("Microsoft", r"phi"),
    ("SmolLM", r"smollm"),
    ("Cohere", r"command|aya"),
    ("IBM", r"granite"),
    ("AI2", r"olmo|tulu"),
    ("NVIDIA", r"nemotron"),
    ("xAI", r"grok"),
    ("Zhipu", r"glm|chatglm"),
    ("Moonshot", r"kimi"),
)


def family_of(model: str) -> str | None:
    """The family that a model's name tells of, or None.

    >>> family_of("ft:gpt-4o-mini-2024-07-18:acme::abc"), family_of("meta-llama/Llama-3.1-8B"), family_of("tuned")
    ('OpenAI', 'Meta', None)
    """
    words = re.findall(r"[a-z]+[0-9]?", model.lower())
    for family, pattern in _FAMILIES:
        if any(re.fullmatch(rf"(?:{pattern})\d*", word) for word in words):
            return family
    return None


def family_warnings(judge: JudgeSpec, metric: str, candidate: ModelSpec) -> Iterator[str]:
    """A sentence for each model of the judge that seems to be of a family the judge must not come from."""
    others = {"candidate": candidate.model, "teacher": judge.teacher}
    for member in judge.members.values():
        mine = family_of(member.model or "")
        for who in judge.forbid_families:
            theirs = family_of(others[who] or "")
            if mine is not None and mine == theirs:
                yield (
                    f"The judge of '{metric}' ({member.model}) and the {who} ({others[who]}) seem to be of one family, "
                    f"{mine}, by their names: judges favour their own kind, so have it graded by another family, or "
                    "calibrate the judge against people."
                )

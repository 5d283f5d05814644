"""Does an engine keep its adapters apart? Asked each alone, then all at once, before anything is compared.

vLLM 0.32's build for CPUs does not: its LoRA kernels index the adapters' slots with -1 for a request without one
(vllm/lora/ops/torch_ops/lora_ops.py), which is the last slot. As soon as a batch holds both, the base answers with the
adapter that lies there, and a comparison of the two finds no difference. An empty last slot heals it (`max_loras` one
above the number of adapters, see `flags`); whether it did, or whether another engine has such a fault, is seen here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from evalkit.errors import ExecutionError

QUESTIONS = (
    "Name a colour.",
    "What is two plus two?",
    "Write a sentence about rain.",
    "List three animals.",
    "Who wrote Hamlet?",
    "Translate 'good morning' into French.",
)
ANSWER_TOKENS = 16
_ENOUGH = 3
"""Questions that the models answer differently, below which nothing can be seen."""

Ask = Callable[[str, str], Awaitable[str]]
"""(served name, question) → the greedy answer of at most `ANSWER_TOKENS` tokens."""


async def refuse_mixing(ask: Ask, names: Sequence[str]) -> bool | None:
    """True when every model answers the same alone and among the others; None when too few answers tell.

    Raises ExecutionError when a model changes most of its telling answers as soon as others are asked at the same time.
    A greedy answer may change now and then with the batch it is computed in; half of them do not.
    """
    alone = {name: await asyncio.gather(*(ask(name, question) for question in QUESTIONS)) for name in names}
    pairs = [(name, i) for i in range(len(QUESTIONS)) for name in names]
    at_once = dict(zip(pairs, await asyncio.gather(*(ask(name, QUESTIONS[i]) for name, i in pairs)), strict=True))
    telling = [i for i in range(len(QUESTIONS)) if len({alone[name][i] for name in names}) > 1]
    if len(telling) < _ENOUGH:
        return None
    for name in names:
        changed = sum(at_once[name, i] != alone[name][i] for i in telling)
        if 2 * changed > len(telling):
            raise ExecutionError(
                f"vLLM mixes up its adapters: {name} gives other answers to {changed} of {len(telling)} questions as "
                "soon as the other side is asked at the same time. Nothing it answers could be trusted.\n"
                "  help: start it with --max-loras one higher than the number of its adapters (builds for CPUs apply "
                "the last adapter to requests that ask for none), or serve each side from an engine of its own"
            )
    return True

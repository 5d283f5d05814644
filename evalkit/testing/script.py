"""Which behaviour a request gets: the rules in order, then a server that simply works."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from evalkit.testing.behaviours import ANSWER_PATHS, CHAT_PATH, MODELS_PATH, Asked, Behaviour, Rule, answers, fails

_OK = answers()
NO_ROUTE = "no_route"
_NO_ROUTE = Behaviour(kind=NO_ROUTE, status=404, body=b'{"detail": "Not Found"}')
_HEALTH = Behaviour(kind="health", body=b'{"status": "ok"}')


class Script:
    """The rules and how often each has been used. One instance serves one server."""

    def __init__(self, *, rules: tuple[Rule, ...], models: tuple[str, ...], seed: int) -> None:
        self._rules = rules
        self._models = models
        self._seed = seed
        self._used = Counter[int]()
        listing = {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "test"} for name in models]}
        self._listing = Behaviour(kind="models", body=json.dumps(listing).encode())

    def behaviour(self, asked: Asked) -> Behaviour:
        """The first rule that applies, and counts it as used; else what a healthy server does.

        A chat with a model that is not served is a 404 whatever the rules say, as vLLM answers it.
        """
        if asked.path in ANSWER_PATHS and asked.model not in self._models:
            known = ", ".join(self._models)
            text = f"The model `{asked.model}` does not exist. Served here: {known}."
            return fails(404, text, code="model_not_found")
        for index, rule in enumerate(self._rules):
            if self._applies(index, rule, asked):
                self._used[index] += 1
                return rule.behaviour
        match asked.method, asked.path:
            case "POST", path if path in ANSWER_PATHS:
                return _OK
            case "GET", path if path == MODELS_PATH:
                return self._listing
            case "GET", "/health":
                return _HEALTH
            case _:
                return _NO_ROUTE

    def _applies(self, index: int, rule: Rule, asked: Asked) -> bool:
        path = CHAT_PATH if asked.path in ANSWER_PATHS else asked.path
        if rule.path != path or (rule.times is not None and self._used[index] >= rule.times):
            return False
        if rule.times_each is not None and asked.attempt > rule.times_each:
            return False
        if rule.match is not None and not rule.match(asked):
            return False
        return rule.probability >= 1.0 or self._draw(index, asked) < rule.probability

    def _draw(self, index: int, asked: Asked) -> float:
        seed = f"{self._seed}:{index}:{asked.body_sha256}:{asked.attempt}".encode()
        return int.from_bytes(hashlib.sha256(seed).digest()[:8]) / 2**64

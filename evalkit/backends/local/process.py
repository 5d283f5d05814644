"""The child process of `backend: local`: one llama.cpp server, for one side, for as long as its parent lives.

Started by file path, so it imports nothing of evalkit. It reads one JSON line of settings from stdin, answers with
one JSON line on stdout (`{"address": …}` or `{"error": …}`) and ends when stdin closes: the pipe closes with the
parent however that one dies, so not even kill -9 leaves an orphan.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    """Serves until stdin closes; exit code 1 when the engine would not start."""
    settings = json.loads(sys.stdin.readline())
    # The engine may print where it likes: stdout is kept for the one line that the parent reads.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        server = _start(settings)
    except (RuntimeError, ValueError, OSError) as error:
        answer.write(json.dumps({"error": str(error)}) + "\n")
        answer.flush()
        os._exit(1)
    answer.write(json.dumps({"address": server.listening_address}) + "\n")
    answer.flush()
    while sys.stdin.readline():
        pass
    # No shutdown in order: the server's threads may be busy for seconds, and nothing here is worth saving.
    os._exit(0)


def _start(settings: dict[str, Any]) -> Any:
    """A listening server: it has loaded everything by the time the constructor returns."""
    import xllamacpp  # noqa: PLC0415 - heavy, optional, and this is its one point of use

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {settings["alias"]}
    if settings["adapter"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(settings["adapter"], 1.0)]
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the system picks a free one
    params.api_keys = [settings["key"]]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context"]  # llama.cpp divides it among the slots
    params.n_threads_http = settings["slots"] + 2
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings["threads"]
        cpu.poll = 0  # spinning threads would take the other side's core
    params.sampling.seed = settings["seed"]
    params.fit_params = False
    params.offline = True
    params.ui = False
    if settings.get("embedding"):
        params.embedding = True
        # One text is one piece of work; llama.cpp splits none when it embeds.
        params.n_batch = params.n_ubatch = settings["context"]
        if not settings["has_pooling"]:  # a model made for chat: its weights do not say how to make one vector
            params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.endpoint_slots = False
    params.cache_ram_mib = 0  # prompts are reused within a slot; nothing is carried from one slot to another
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()

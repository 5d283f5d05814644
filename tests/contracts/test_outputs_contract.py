import json

import pytest

from evalkit.backends.outputs import make
from evalkit.testing.contracts import BackendContract
from evalkit.types import ModelSpec


class TestOutputs(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path):
        path = tmp_path / "answers.jsonl"
        path.write_text(json.dumps({"id": "s1", "output": "forty-two"}) + "\n")
        return make(ModelSpec(role="baseline", backend="outputs", path=path), timeout_s=10.0)

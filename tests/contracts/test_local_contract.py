import pytest

from evalkit.backends.local import make
from evalkit.testing.contracts import BackendContract, question
from evalkit.types import ModelSpec, Params


@pytest.mark.model
class TestLocal(BackendContract):
    @pytest.fixture
    def backend(self):
        spec = ModelSpec(role="baseline", backend="local", model="smollm2-135m-instruct", options={"slots": 1})
        return make(spec, timeout_s=60.0)

    @pytest.fixture
    def asked(self):
        return question("Say yes.", params=Params(max_tokens=4, seed=7))

from streamed import PLAIN, StreamedContract, streaming

from evalkit.backends.hosted.anthropic_api import make
from evalkit.testing.contracts import KEY_VARIABLE, HttpBackendContract
from evalkit.types import ModelSpec


class TestAnthropic(HttpBackendContract):
    has_seed = False

    def backend_for(self, base_url, *, timeout_s):
        spec = ModelSpec(
            role="baseline", backend="anthropic", model="base", base_url=base_url, api_key_env=KEY_VARIABLE
        )
        return make(spec, timeout_s=timeout_s)


class TestStreamedAnthropic(StreamedContract):
    has_seed = False
    besides = PLAIN

    def backend_for(self, base_url, *, timeout_s):
        return make(streaming("anthropic", base_url), timeout_s=timeout_s)

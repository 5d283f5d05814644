from streamed import StreamedContract, streaming

from evalkit.backends.hosted.openai_api import make
from evalkit.testing.contracts import KEY_VARIABLE, HttpBackendContract
from evalkit.types import ModelSpec


class TestOpenAI(HttpBackendContract):
    def backend_for(self, base_url, *, timeout_s):
        spec = ModelSpec(role="baseline", backend="openai", model="base", base_url=base_url, api_key_env=KEY_VARIABLE)
        return make(spec, timeout_s=timeout_s)


class TestStreamedOpenAI(StreamedContract):
    def backend_for(self, base_url, *, timeout_s):
        return make(streaming("openai", base_url), timeout_s=timeout_s)

from streamed import StreamedContract, streaming

from evalkit.backends.chat_http import make
from evalkit.testing.contracts import KEY_VARIABLE, HttpBackendContract
from evalkit.types import ModelSpec


class TestChatHttp(HttpBackendContract):
    def backend_for(self, base_url, *, timeout_s):
        spec = ModelSpec(
            role="baseline",
            backend="openai_compatible",
            model="base",
            base_url=base_url,
            api_key_env=KEY_VARIABLE,
        )
        return make(spec, timeout_s=timeout_s)


class TestStreamedChatHttp(StreamedContract):
    def backend_for(self, base_url, *, timeout_s):
        return make(streaming("openai_compatible", base_url), timeout_s=timeout_s)

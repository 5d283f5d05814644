"""A server that holds requests to what the vendors' references say, caches prompts as they do, and keeps its own bill.

Anthropic's Messages API (required fields, alternating turns, tool choice, output_config, cache_control and its three
kinds of input tokens) and OpenAI's chat completions (strict schemas, logprobs, cached tokens).
"""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_MARKS = 4
"""Anthropic: so many cache_control breakpoints at most."""


class Bad(Exception):
    """What the vendor answers with a 400."""


class StrictVendor:
    """`say(model, prompt)` is the object that a model answers with. Use in a `with` block."""

    def __init__(self, say):
        self.say = say
        self.bodies = []
        self.billed = {}
        """Model → tokens by kind: fresh, read, written, said."""
        self._cached = set()
        self._lock = threading.Lock()

    def __enter__(self):
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(200, {"data": [{"id": "base"}, {"id": "tuned"}]})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = {"/v1/messages": vendor.message, "/v1/chat/completions": vendor.completion}[self.path]
                try:
                    with vendor._lock:
                        vendor.bodies.append(body)
                        self.reply(200, answer(body, self.headers))
                except Bad as error:
                    self.reply(
                        400, {"type": "error", "error": {"type": "invalid_request_error", "message": str(error)}}
                    )

            def reply(self, status, document):
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def bill(self, body, shared, rest, said):
        """Counts tokens (words), the shared beginning once as written and then as read.

        What asks for free words is on no side's bill: it is the check that both sides are two models.
        """
        is_free = not body.keys() & {"output_config", "tools", "response_format"}
        key, counts = (body["model"], shared), self.billed.setdefault(body["model"] if not is_free else "", Counter())
        is_read = key in self._cached
        self._cached.add(key)
        read, written = (words(shared), 0) if is_read else (0, words(shared))
        counts.update({"fresh": words(rest), "read": read, "written": written, "said": words(said)})
        return words(rest), read, written, words(said)

    def message(self, body, headers):
        if not (headers.get("x-api-key") or headers.get("authorization")) or not headers.get("anthropic-version"):
            raise Bad("a header is missing")
        if unknown := set(body) - {
            "model",
            "max_tokens",
            "messages",
            "system",
            "temperature",
            "tools",
            "tool_choice",
            "output_config",
        }:
            raise Bad(f"{', '.join(sorted(unknown))}: Extra inputs are not permitted")
        roles = [turn["role"] for turn in body["messages"]]
        if not isinstance(body["max_tokens"], int) or roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
            raise Bad("messages: roles must alternate")
        blocks = [*body.get("system", []), *(block for turn in body["messages"] for block in turn["content"])]
        marks = [number for number, block in enumerate(blocks) if "cache_control" in block]
        if len(marks) > MAX_MARKS or any(blocks[at]["cache_control"] != {"type": "ephemeral"} for at in marks):
            raise Bad("cache_control")
        texts = [block["text"] for block in blocks]
        cut = marks[-1] + 1 if marks else 0
        tools = json.dumps(body.get("tools", ""))
        answer = self.say(body["model"], texts[-1])
        content, reason = {"type": "text", "text": json.dumps(answer)}, "end_turn"
        if "tool_choice" in body:
            (tool,) = (each for each in body["tools"] if each["name"] == body["tool_choice"]["name"])
            fits(answer, tool["input_schema"])
            content, reason = {"type": "tool_use", "id": "toolu_1", "name": tool["name"], "input": answer}, "tool_use"
        elif "output_config" in body:
            fits(answer, body["output_config"]["format"]["schema"])
        else:  # the check that both sides are two models asks for free words
            content["text"] = f"{body['model']} says {texts[-1]}"
        shared = " ".join([tools, *texts[:cut]]) if cut else ""
        fresh, read, written, said = self.bill(body, shared, " ".join(texts[cut:]), json.dumps(answer))
        usage = {
            "input_tokens": fresh,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "output_tokens": said,
        }
        return {"type": "message", "role": "assistant", "model": body["model"], "content": [content],
                "stop_reason": reason, "usage": usage}  # fmt: skip

    def completion(self, body, headers):
        if not headers.get("authorization", "").startswith("Bearer "):
            raise Bad("a header is missing")
        answer = self.say(body["model"], body["messages"][-1]["content"])
        text = f"{body['model']} says {body['messages'][-1]['content']}"
        if "response_format" in body:
            asked = body["response_format"]["json_schema"]
            schema = asked["schema"]
            if asked["strict"] and (
                schema.get("additionalProperties") is not False or set(schema["required"]) != set(schema["properties"])
            ):
                raise Bad("Invalid schema for response_format")
            fits(answer, schema)
            text = json.dumps(answer)
        shared, rest = body["messages"][0]["content"], " ".join(turn["content"] for turn in body["messages"][1:])
        fresh, read, written, said = self.bill(body, shared, rest, json.dumps(answer))
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        if body.get("logprobs"):
            piece = {"token": "{", "logprob": -0.1, "bytes": [123], "top_logprobs": []}
            choice["logprobs"] = {"content": [piece] * said, "refusal": None}
        usage = {
            "prompt_tokens": fresh + read + written,
            "completion_tokens": said,
            "prompt_tokens_details": {"cached_tokens": read},
        }
        return {"object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


def words(text):
    return len(text.split())


def fits(answer, schema):
    """An answer held to a schema has its properties and no other."""
    assert set(answer) == set(schema["properties"])

"""A stand-in for vLLM's server: its routes, its flags and its ways to fail, without a model.

FAKE_VLLM says how to fail: `start` (a traceback, then exit 1), `never` (never healthy), `die` (exit in the middle of
the third answer), `unserved` (the adapter is listed as a model of its own), `mixes` (once the adapter has been asked,
the base answers otherwise, so that no timing decides), `twice` (prompts begin with the same token twice).
FAKE_VLLM_WITHHOLDS names prompts, with commas between, whose answers a filter withholds; FAKE_VLLM_ASKED a file that
every prompt is written to, behind its model, the check of adapters aside.
"""

import argparse
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for flag in ("--host", "--model", "--served-model-name", "--dtype", "--generation-config"):
        parser.add_argument(flag)
    for flag in ("--port", "--max-model-len", "--max-loras", "--max-lora-rank", "--tensor-parallel-size"):
        parser.add_argument(flag, type=int)
    parser.add_argument("--enable-lora", action="store_true")
    parser.add_argument("--lora-modules", nargs="+", default=[])
    return parser.parse_args()


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answered = 0
    adapter_was_asked = False
    lock = threading.Lock()

    def do_GET(self):
        if self.path == "/health":
            return self.reply({}, status=503 if FAULT == "never" else 200)
        if self.path == "/version":
            return self.reply({"version": "9.9.0"})
        if self.path == "/metrics":
            lines = [
                f'vllm:prompt_tokens_total{{engine="0"}} {10.0 * Server.answered}',
                f'vllm:generation_tokens_total{{engine="0"}} {5.0 * Server.answered}',
                'vllm:num_requests_running{engine="0"} 1.0',
                "python_info 1.0",
            ]
            return self.send("\n".join(lines).encode(), "text/plain")
        if not self.is_let_in():
            return self.reply({"error": "Unauthorized"}, status=401)
        return self.reply({"object": "list", "data": cards()})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.is_let_in():
            return self.reply({"error": "Unauthorized"}, status=401)
        if self.path == "/tokenize":
            return self.reply({"count": 3, "tokens": [1, 1, 7] if FAULT == "twice" else [1, 5, 7]})
        is_check = body["max_tokens"] == 16
        adapted = body["model"] != ARGS.served_model_name
        with Server.lock:
            Server.answered += not is_check
            Server.adapter_was_asked |= adapted
            if ASKED and not is_check:
                with Path(ASKED).open("a") as asked:
                    asked.write(f"{body['model']}: {body['messages'][-1]['content']}\n")
            if FAULT == "die" and Server.answered > 2:
                say("RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB")
                os._exit(9)
        name = body["model"]
        if FAULT == "mixes" and Server.adapter_was_asked and not adapted:
            name = f"{name} among others"
        text = f"{name} heard {body['messages'][-1]['content']}"
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        if body["messages"][-1]["content"] in WITHHELD:
            choice["finish_reason"] = "content_filter"
        return self.reply({"model": body["model"], "choices": [choice], "usage": usage})

    def is_let_in(self):
        return self.headers.get("authorization") == f"Bearer {os.environ['VLLM_API_KEY']}"

    def reply(self, document, status=200):
        self.send(json.dumps(document).encode(), "application/json", status)

    def send(self, data, kind, status=200):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def cards():
    rows = [{"id": ARGS.served_model_name, "root": ARGS.model, "parent": None}]
    for module in ARGS.lora_modules:
        name, _, path = module.partition("=")
        parent = None if FAULT == "unserved" else ARGS.served_model_name
        rows.append({"id": name, "root": path, "parent": parent})
    return rows


def say(line):
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


FAULT = os.environ.get("FAKE_VLLM", "")
ASKED = os.environ.get("FAKE_VLLM_ASKED", "")
WITHHELD = os.environ.get("FAKE_VLLM_WITHHOLDS", "").split(",")
if __name__ == "__main__":
    ARGS = arguments()
    say("(APIServer pid=1) INFO 11-22 10:00:00 [model.py:1] Resolved architecture: Fake")
    if FAULT == "start":
        say("ValueError: the KV cache is too small for max_model_len")
        sys.exit(1)
    with Path(os.environ["FAKE_VLLM_PIDS"]).open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    time.sleep(0.1)
    ThreadingHTTPServer((ARGS.host, ARGS.port), Server).serve_forever()

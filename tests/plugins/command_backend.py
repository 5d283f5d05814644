"""A backend: any program that reads the prompt from stdin and writes its answer to stdout."""

import asyncio
from asyncio.subprocess import PIPE

from evalkit.errors import BadRequest
from evalkit.types import ModelIdentity, Response


class Command:
    concurrency = 2

    def __init__(self, spec, *, timeout_s):
        self.command = [str(part) for part in spec.options["command"]]

    async def open(self):
        return ModelIdentity(engine="command", endpoint=" ".join(self.command))

    def wire(self, request):
        return {"command": list(self.command), "stdin": "\n".join(m.content for m in request.messages)}

    async def answer(self, request):
        child = await asyncio.create_subprocess_exec(*self.command, stdin=PIPE, stdout=PIPE)
        out, _ = await child.communicate(self.wire(request)["stdin"].encode())
        if child.returncode:
            raise BadRequest(f"{self.command[0]} ended with exit code {child.returncode}")
        return Response(text=out.decode(), finish="stop")

    async def close(self):
        """Nothing is kept open."""

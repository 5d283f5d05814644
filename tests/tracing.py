"""strace: whether it may be used here, and a Python below it whose few system calls are soon traced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

REPO = Path(__file__).resolve().parents[1]
BARE_PYTHON = (sys.executable, "-S")
"""It does not look for installed packages, which `environment` names instead."""


def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    trial = ["strace", "-qq", "-o", "/dev/null", "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def environment() -> dict[str, str]:
    packages = str(Path(msgspec.__file__).parents[1])
    return os.environ | {
        "PYTHONPATH": os.pathsep.join((str(REPO), packages)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
    }

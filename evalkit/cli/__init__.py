"""The command line: arguments in, exit code out. One module a verb; heavy imports happen inside the verbs."""

from __future__ import annotations

# The order of these imports is the order of the verbs in --help. A verb joins the app when its module is imported.
# isort: off
from evalkit.cli import init as init
from evalkit.cli import import_ as import_
from evalkit.cli import plan as plan
from evalkit.cli import check as check
from evalkit.cli import split as split
from evalkit.cli import run as run
from evalkit.cli import gate as gate
from evalkit.cli import compare as compare
from evalkit.cli import report as report
from evalkit.cli import export as export
from evalkit.cli import judge as judge
from evalkit.cli import rate as rate
from evalkit.cli import history as history
from evalkit.cli import rot as rot
from evalkit.cli import refresh as refresh
from evalkit.cli import salvage as salvage
from evalkit.cli import lock as lock
from evalkit.cli import doctor as doctor
from evalkit.cli import schema as schema

# isort: on

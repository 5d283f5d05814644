"""`evalkit export`: a finished run in the form another tool takes, from its own files."""

from __future__ import annotations

import importlib
import io
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.recorded import FinishedRun, find_run
from evalkit.report.exports.model_card import render_model_card
from evalkit.report.exports.tracked import tracked
from evalkit.report.table import render_csv, sample_columns
from evalkit.store.files import write_atomic
from evalkit.suites.masking import mask

TRACKING = "MLFLOW_TRACKING_URI"
DEFAULT_STORE = "sqlite:///mlflow.db"
"""What MLflow itself takes when nothing is said."""
_DATABASES = frozenset({"sqlite", "postgresql", "mysql", "mssql"})


def export(name: str, out: Path, form: str, to: str | None) -> str:
    """Writes the run in that form and returns where it went: a path, or an entry of a tracking store.

    `to`: a file, or the tracking store's address for mlflow. Raises UsageError for an unknown form and for a package
    that is not installed, ExecutionError where it cannot be written.
    """
    if form != "mlflow" and form not in _FILES:
        raise UsageError(f"evalkit export knows {', '.join((*_FILES, 'mlflow'))}; not {form!r}")
    run = find_run(name, out)
    if form == "mlflow":
        return _to_mlflow(run, to or os.environ.get(TRACKING) or DEFAULT_STORE)
    file, render = _FILES[form]
    path = Path(to) if to else run.folder / file
    if path.is_dir():
        raise UsageError(f"--to takes a file; {path} is a folder")
    write_atomic(path, render(run))
    return str(path)


def _model_card(run: FinishedRun) -> bytes:
    return render_model_card(run.document, run.manifest()).encode("utf-8", "backslashreplace")


def _csv(run: FinishedRun) -> bytes:
    return render_csv(run.document, run.rows()).encode("utf-8", "backslashreplace")


def _parquet(run: FinishedRun) -> bytes:
    """The columns of the CSV, typed: scores and times are numbers, null where there is none, texts as they were."""
    arrow, parquet = _package("pyarrow", "parquet"), _package("pyarrow.parquet", "parquet")
    table = arrow.table(
        {
            name: arrow.array(values, arrow.float64() if is_number else arrow.string())
            for name, (is_number, values) in sample_columns(run.document, run.rows()).items()
        }
    )
    sink = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata({"evalkit.run": str(run.document.get("run"))}), sink)
    return sink.getvalue()


_FILES: dict[str, tuple[str, Callable[[FinishedRun], bytes]]] = {
    "model-card": ("model-card.md", _model_card),
    "csv": ("samples.csv", _csv),
    "parquet": ("samples.parquet", _parquet),
}


def _to_mlflow(run: FinishedRun, store: str) -> str:
    """Logs one MLflow run, in the experiment named like the suite, with report.html and verdict.json as artefacts.

    A login in the store's address is shown nowhere.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody but the store is told of the run
    mlflow = _package("mlflow", "mlflow")
    if store.partition("://")[0].partition("+")[0] in _DATABASES:
        for needed in ("sqlalchemy", "alembic", "sqlparse"):  # without them MLflow calls the address unsupported
            _package(needed, "mlflow")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    found = tracked(run.document)
    failure = _package("mlflow.exceptions", "mlflow").MlflowException
    shown = mask(store)
    try:
        client = mlflow.tracking.MlflowClient(tracking_uri=store)
        title = f"evalkit {found.params.get('suite', '')}".strip()
        experiment = client.get_experiment_by_name(title)
        where = experiment.experiment_id if experiment else client.create_experiment(title)
        entry = client.create_run(where, tags=found.tags, run_name=found.name).info.run_id
        for key, value in found.params.items():
            client.log_param(entry, key, value)
        for key, figure in found.metrics.items():
            client.log_metric(entry, key, figure)
        for artefact in ("report.html", "verdict.json", "summary.md"):
            if (run.folder / artefact).is_file():
                client.log_artifact(entry, str(run.folder / artefact))
        client.set_terminated(entry, status="FINISHED")
    except (failure, OSError) as error:
        why = mask(str(error).replace(store, shown))
        raise ExecutionError(f"MLflow's store {shown} took no run: {why}") from error
    return f"run {entry} of experiment “{title}” in {shown}"


def _package(name: str, extra: str) -> Any:
    """An optional package, or a UsageError that says how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"this export needs {name.partition('.')[0]}, which is not installed ({error})\n"
            f"  help: pip install 'evalkit-gate[{extra}]'"
        ) from error

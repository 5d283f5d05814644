"""hf_evaluate: a metric of the Hugging Face package `evaluate`, asked about one answer at a time. Nothing is fetched.

https://huggingface.co/docs/evaluate. A metric there is a Python script, which `evaluate` downloads when it is named:
here it has to be a file of the suite, or one that was downloaded to this machine before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from msgspec import Struct

from evalkit.metrics.match import reader_of
from evalkit.metrics.options import number, refuse
from evalkit.metrics.read import Reader, Unreadable
from evalkit.metrics.texts import right_texts, text_of, unanswered
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

_BY_MODEL = frozenset({"perplexity", "word_perplexity", "mauve"})
"""These weigh how likely a text is to a model of their own, which says nothing about whether an answer is right."""
_NOISE = 1e-9
"""Of floating point, beyond either end of the scale."""
_INSTALL = "pip install 'evalkit-gate[evaluate]'"


class HfEvaluate(Struct, frozen=True, kw_only=True):
    """The value under `key` of what the metric's `compute` returns for one answer and its target, divided by `scale`.

    Several accepted texts: a metric that takes lists of references gets them all, of another the best value counts.
    A metric of the whole set (BLEU) is taken of each answer by itself and then averaged, which is not the same.
    """

    name: str
    reader: Reader
    module: Any
    """An `evaluate.EvaluationModule`."""
    key: str
    scale: float
    kwargs: Mapping[str, JsonValue]

    @property
    def signature(self) -> str:
        """What somebody needs to get the same numbers elsewhere."""
        told = "|".join(f"{key}:{value}" for key, value in sorted(self.kwargs.items()))
        return "|".join(filter(None, [f"evaluate:{self.module.name}", f"key:{self.key}", "each", told]))

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored in [0, 1]; Unscored(no_target) without a target. Raises ValueError for a value outside the scale."""
        wanted = right_texts(sample, self.reader)
        if not wanted:
            return Unscored(metric=self.name, why="no_target")
        found = text_of(answer, self.reader)
        if isinstance(found, Unreadable):
            return unanswered(self.name, found)
        takes = _reference(self.module)
        try:
            said = _cast(found, _prediction(self.module))
        except ValueError:  # the metric takes numbers, and the answer is none
            return Scored(metric=self.name, value=0.0, is_answered=False)
        if hasattr(takes, "feature"):
            references: Sequence[Any] = [[_cast(text, takes.feature) for text in wanted]]
        else:
            references = [_cast(text, takes) for text in wanted]
        return Scored(metric=self.name, value=max(self._value(said, reference) for reference in references))

    def _value(self, said: Any, reference: Any) -> float:
        found = self.module.compute(predictions=[said], references=[reference], **self.kwargs)
        value = found.get(self.key) if isinstance(found, dict) else None
        if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 1:
            value = value[0]
        if value is None or isinstance(value, str):
            raise ValueError(f"it gives {', '.join(found or ()) or 'nothing'}, and no number under '{self.key}'")
        share = float(value) / self.scale
        if not (math.isfinite(share) and -_NOISE <= share <= 1.0 + _NOISE):
            raise ValueError(f"it gave {float(value):g}, which is not within 0 and {self.scale:g}; see `scale`")
        return min(1.0, max(0.0, share))


def _features(module: Any) -> Any:
    features = module.features
    return features[0] if isinstance(features, list) else features


def _prediction(module: Any) -> Any:
    return _features(module)["predictions"]


def _reference(module: Any) -> Any:
    return _features(module)["references"]


def _cast(text: str, feature: Any) -> Any:
    """The text as the metric takes it. Raises ValueError where that is a number and the text is none."""
    dtype = str(getattr(feature, "dtype", "string"))
    if dtype.startswith(("int", "uint", "bool")):
        return int(text.strip())
    return float(text.strip()) if dtype.startswith("float") else text


def build_hf_evaluate(spec: MetricSpec) -> HfEvaluate:
    """`hf_evaluate` from its entry, its script loaded. Raises UsageError for what it cannot act on, or would fetch."""
    metric, key, kwargs = (spec.options.get(name) for name in ("metric", "key", "kwargs"))
    if not isinstance(metric, str) or not metric:
        refuse(spec, "metric", "a metric's name or the path of its script is wanted")
    if not isinstance(key, str):
        refuse(spec, "key", "which value of the metric's result counts is wanted, such as f1")
    if kwargs is not None and not isinstance(kwargs, dict):
        refuse(spec, "kwargs", "a mapping of arguments is wanted")
    stem = PurePath(metric).stem
    if stem in _BY_MODEL:
        why = f"{stem} weighs how likely a text is to another model, not whether the answer is right"
        refuse(spec, "metric", why, "compare answers with targets: exact_match, token_f1, rouge …")
    module = _loaded(spec, metric)
    features = _features(module)
    if "references" not in features or "predictions" not in features:
        refuse(spec, "metric", f"{stem} does not compare predictions with references")
    return HfEvaluate(
        name=spec.name,
        reader=reader_of(spec),
        module=module,
        key=key,
        scale=number(spec, "scale", low=1e-9) or 1.0,
        kwargs=kwargs or {},
    )


def _loaded(spec: MetricSpec, metric: str) -> Any:
    """The metric's module, without a request to anybody. A name stands for no script that lies about by that name."""
    if not PurePath(metric).is_absolute() and Path(metric, f"{PurePath(metric).name}.py").is_file():
        fix = f"if that script is meant, put it into the suite's folder and name its path: ./{PurePath(metric).name}.py"
        refuse(spec, "metric", f"the folder '{metric}' here holds a script of that name, which would be run", fix)
    try:
        import evaluate  # noqa: PLC0415 - optional, and two seconds to import
        from huggingface_hub import constants  # noqa: PLC0415 - evaluate needs it
    except ImportError:
        refuse(spec, "type", "hf_evaluate needs the package evaluate, which is not here", _INSTALL)
    evaluate.config.HF_EVALUATE_OFFLINE = True  # or it asks the hub for the script and counts the load
    constants.HF_HUB_OFFLINE = True  # or it asks the hub for the names of the programs that may have started this one
    try:
        return evaluate.load(metric, keep_in_memory=True)
    except (ConnectionError, FileNotFoundError):
        fix = "put the metric's script into the suite's folder and name its path, or load it once with evaluate.load"
        refuse(spec, "metric", f"the script of '{metric}' would be downloaded, which evalkit does not do", fix)
    except ImportError as error:
        refuse(spec, "metric", f"its script cannot be loaded: {' '.join(str(error).split())[:200]}")
    except Exception as error:  # noqa: BLE001 - the border: a script of somebody else's, of which anything may come
        refuse(spec, "metric", f"its script failed with {type(error).__name__}: {' '.join(str(error).split())[:200]}")

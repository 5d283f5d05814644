"""Realistic documents of a finished run, from a seed: review triage, answers as JSON, 300 samples."""

import json
import math
import random

DOMAINS = ("film", "product", "restaurant")
SENTIMENTS = ("negative", "positive")
OPENINGS = ("The plot", "This phone", "Our waiter", "The battery", "The soup", "Her acting", "The charger", "The place")
VERBS = ("was", "is", "felt", "turned out", "remains")
ENDINGS = (
    "a complete waste of time",
    "far better than I had hoped",
    "not worth the money",
    "simply wonderful from start to end",
    "dead after two weeks",
    "cold and badly seasoned",
    "the best I have had in years",
    "so slow that we left",
)
ACCURACY = {  # share right: baseline, candidate
    "ship": (0.57, 0.76),
    "dont_ship": (0.62, 0.66),
    "inconclusive": (0.57, 0.61),
    "invalid": (0.57, 0.57),
    "error": (0.57, 0.76),
}
HEADLINES = {
    "ship": "The candidate gains {delta} points [{low}, {high}] on exact; the suite asks for at least +5.0 and an "
    "interval above 0. No guard regressed; general-mini is too small to settle.",
    "dont_ship": "The candidate gains {delta} points [{low}, {high}] on exact, and it loses {film} points on "
    "domain=film.",
    "inconclusive": "The gain on exact is {delta} points, but the interval runs from {low} to {high}: it may as well "
    "be nothing.",
    "invalid": "Both sides gave byte-equal answers to all 300 samples: this compares a model with itself.",
    "error": "The candidate’s engine stopped after 112 of 300 answers: address already in use.",
}
REASONS = {
    "ship": [("PASS", False, "exact gains at least 5.0 points and its interval is above 0")],
    "dont_ship": [
        ("POINT_OK_NOT_SIGNIFICANT", True, "exact gains {delta} points, but its interval reaches below 0 ({low})"),
        ("SLICE_REGRESSED", True, "domain=film loses {film} points; the suite allows 10.0"),
    ],
    "inconclusive": [("POINT_OK_NOT_SIGNIFICANT", True, "the interval of exact reaches below 0 ({low})")],
    "invalid": [("SAME_MODEL", True, "300 of 300 answers are byte-equal and the probe showed no difference")],
    "error": [("BUDGET", True, "stopped after 112 of 300 candidate answers")],
}
EXIT = {"ship": 0, "dont_ship": 1, "inconclusive": 3, "invalid": 4, "error": 5}


def make_samples(status="ship", n=300, seed=7, words=None):
    rng = random.Random(seed)  # noqa: S311 - test data
    share = ACCURACY[status]
    rows = []
    for number in range(n):
        gold = {"domain": rng.choice(DOMAINS), "sentiment": rng.choice(SENTIMENTS)}
        text = sentence(rng) if words is None else " ".join(sentence(rng) for _ in range(-(-words // 7)))
        luck = rng.random()
        if status == "dont_ship":
            share = (0.62, 0.47 if gold["domain"] == "film" else 0.74)
        sides = [answer(rng, gold, luck if rng.random() < 0.75 else rng.random(), part) for part in share]
        if status == "invalid":
            sides[1] = dict(sides[0])
        rows.append(sample_row(number, text, gold, sides))
    if n >= 40 and status != "invalid":
        fail(rows[17]["baseline"], "timed_out: no answer within 300 s (3 attempts)")
        truncate(rows[23]["candidate"])
        for index in (17, 23):
            rows[index] = rescore(rows[index])
    return rows


def sentence(rng):
    return f"{rng.choice(OPENINGS)} {rng.choice(VERBS)} {rng.choice(ENDINGS)}."


def answer(rng, gold, luck, share):
    given = dict(gold)
    if luck > share:
        key = rng.choice(("domain", "sentiment", "both"))
        if key in ("domain", "both"):
            given["domain"] = rng.choice([d for d in DOMAINS if d != gold["domain"]])
        if key in ("sentiment", "both"):
            given["sentiment"] = SENTIMENTS[1 - SENTIMENTS.index(gold["sentiment"])]
    text = json.dumps(given)
    if luck > 0.97:
        text = f"Sure! The review is about a {given['domain']}, and it is {given['sentiment']}."
    return {
        "status": "ok", "text": text, "finish": "stop", "error": None, "latency_s": round(rng.gammavariate(6, 0.05), 3),
        "input_tokens": rng.randrange(80, 120), "output_tokens": rng.randrange(14, 19), "cached": False, "attempts": 1,
    }  # fmt: skip


def fail(side, error):
    side.update(status="failed", text=None, finish=None, error=error, latency_s=None, output_tokens=None, attempts=3)


def truncate(side):
    side.update(status="truncated", text='{"domain": "prod', finish="length")


def sample_row(number, text, gold, sides):
    row = {
        "id": f"rt-{number + 1:04d}", "input": text, "target": gold,
        "slices": {"domain": gold["domain"], "length": "short" if len(text) < 45 else "long"}, "cluster": None,
        "baseline": sides[0], "candidate": sides[1],
    }  # fmt: skip
    return rescore(row)


def rescore(row):
    gold = row["target"]
    found = [score_side(row[role], gold) for role in ("baseline", "candidate")]
    row["scores"] = {
        metric: {
            "baseline": found[0][metric][0], "candidate": found[1][metric][0],
            "baseline_why": found[0][metric][1], "candidate_why": found[1][metric][1],
            "baseline_evidence": found[0][metric][2], "candidate_evidence": found[1][metric][2],
        }
        for metric in ("exact", "domain_f1", "sentiment_f1", "schema")
    }  # fmt: skip
    row["flip"] = flip_of(row["scores"]["exact"])
    return row


def flip_of(score):
    pair = (score["baseline"], score["candidate"])
    if None in pair:
        return "unscored"
    return {(1.0, 0.0): "broken", (0.0, 1.0): "fixed", (1.0, 1.0): "both_right"}.get(pair, "both_wrong")


def score_side(side, gold):
    if side["status"] != "ok":
        return {m: (None, side["status"], {}) for m in ("exact", "domain_f1", "sentiment_f1", "schema")}
    try:
        given = json.loads(side["text"])
    except ValueError:
        given = {}
    found = {"exact": (float(given == gold), None, {})}
    for field in ("domain", "sentiment"):
        evidence = {"gold": gold[field], "predicted": given.get(field)}
        found[f"{field}_f1"] = (float(given.get(field) == gold[field]), None, evidence)
    errors = [] if given else ["the answer is no JSON object"]
    found["schema"] = (float(not errors), None, {"errors": errors})
    return found


def compare(rows, metric, z=1.96):
    pairs = [(r["scores"][metric]["baseline"], r["scores"][metric]["candidate"]) for r in rows]
    scored = [p for p in pairs if None not in p]
    n = len(scored)
    missing = {role: sum(r["scores"][metric][role] is None for r in rows) for role in ("baseline", "candidate")}
    if n < 2:
        return {"metric": metric, "n": n, "n_clusters": n, "unscored": missing, "note": "no scored pair"}
    diffs = [100 * (c - b) for b, c in scored]
    mean = sum(diffs) / n
    sd = math.sqrt(sum((d - mean) ** 2 for d in diffs) / (n - 1))
    half = z * sd / math.sqrt(n)
    return {
        "metric": metric, "n": n, "n_clusters": n,
        "baseline_points": 100 * sum(b for b, _ in scored) / n, "candidate_points": 100 * sum(c for _, c in scored) / n,
        "delta_points": mean, "ci95_points": [mean - half, mean + half],
        "lower_points": mean - half * 1.645 / z, "upper_points": mean + half * 1.645 / z,
        "p_value": math.erfc(abs(mean) / (half / z) / math.sqrt(2)) if half else 1.0, "method": "tango/mcnemar-midp",
        "improved": sum(d > 0 for d in diffs), "worsened": sum(d < 0 for d in diffs), "unscored": missing,
        "worst_case_points": [mean - 0.4, mean + 0.4] if any(missing.values()) else None, "note": None,
        "discordance": sum(d != 0 for d in diffs) / n, "sd": sd,
    }  # fmt: skip


def make_verdict(status="ship", rows=None):
    rows = make_samples(status) if rows is None else rows
    metrics = [compare(rows, m) for m in ("exact", "domain_f1", "sentiment_f1", "schema")]
    if status == "error":
        metrics = [unmeasured(item["metric"]) for item in metrics]
    primary = dict(metrics[0])
    sd = primary.pop("sd", 50.0)
    n = max(1, primary["n"])
    primary.update(
        alpha=0.05, min_delta=5.0, evidence="positive", line=41,
        mde_points=2.49 * sd / math.sqrt(n) if sd and primary["n"] else None,
        n_needed=None if status == "ship" else math.ceil((2.49 * sd / 5.0) ** 2),
    )  # fmt: skip
    primary.setdefault("ci95_points", None)
    parts = slices(rows)
    words = {**spoken(primary), "film": next((f"{-p['comparison']['delta_points']:.1f}" for p in parts), "?")}
    return {
        "schema": "evalkit.verdict/1", "verdict": status, "exit_code": EXIT[status], "suite": "review-triage",
        "run": "2026-11-22T16-18-15-9c1f", "description": "Reviews to {domain, sentiment} JSON.",
        "suite_file": "suites/review-triage/suite.yaml", "created": "2026-11-22T16:18:15Z",
        "headline": HEADLINES[status].format(**words), "advice": advice(status, primary), "intent": "quality",
        "reasons": [
            {"code": code, "blocking": blocking, "detail": detail.format(**words)}
            for code, blocking, detail in REASONS[status]
        ],
        "primary": primary, "metrics": metrics, "guards": guards(metrics[3]), "slices": parts,
        "asked": asked(status, primary), "flips": flips(rows), "outcomes": outcomes(rows),
        "coverage": {"pairs": n, "planned": len(rows), "share": n / max(1, len(rows))},
        "per_class": [per_class(rows, "sentiment", SENTIMENTS), per_class(rows, "domain", DOMAINS)],
        **surroundings(status),
    }  # fmt: skip


def unmeasured(metric):
    empty = dict.fromkeys(("baseline_points", "candidate_points", "delta_points", "ci95_points", "p_value"))
    note = "the run stopped before both sides had answered"
    return {"metric": metric, "n": 0, "n_clusters": 0, **empty, "improved": 0, "worsened": 0, "note": note}


def spoken(primary):
    low, high = primary.get("ci95_points") or (0.0, 0.0)
    return {"delta": signed(primary.get("delta_points") or 0.0), "low": signed(low), "high": signed(high)}


def signed(value):
    return f"{value:+.1f}".replace("-", "−")


def advice(status, primary):
    n = primary["n"]
    return {
        "ship": ["Ship it behind a small share of traffic first: the gain of a passing candidate tends to shrink."],
        "dont_ship": ["Look at the broken film reviews first: they share a pattern.",
                      "Compare the training data of film reviews with that of the other domains."],
        "inconclusive": [f"About {primary['n_needed'] or 0:,} pairs would settle a gain of 5.0 points, not {n:,}."],
        "invalid": ["Check that the adapter is loaded: `evalkit doctor` shows what the engine serves."],
        "error": ["Run the same command with --resume: 412 answers are kept."],
    }[status]  # fmt: skip


def asked(status, primary):
    state = {"ship": "held", "dont_ship": "regressed", "inconclusive": "unresolved"}.get(status, "not_measured")
    words = spoken(primary)
    got = (
        f"{words['delta']} points (at worst {words['low']}, at best {words['high']})"
        if primary["n"]
        else "not measured"
    )
    return [
        {"label": "gain, exact", "asked": "≥ +5.0, interval above 0", "got": got, "state": state, "line": 41,
         "filter": "f=broken"},
        {"label": "schema", "asked": "loses at most 1 point", "got": "0.0 points (at worst −1.1, at best +1.1)",
         "state": "unresolved",
         "line": 44, "filter": "m=schema&f=broken"},
        {"label": "general-mini · accuracy", "asked": "loses at most 3 points",
         "got": "−1.0 points (at worst −7.8, at best +5.8); about 900 pairs needed",
         "state": "unresolved", "line": 45, "filter": None},
        {"label": "every slice", "asked": "loses at most 10 points",
         "got": "domain=film −14.0 points (at worst −25.1, at best −2.9)"
         if status == "dont_ship" else "worst: domain=film +6.1",
         "state": "regressed" if status == "dont_ship" else "held", "line": 47,
         "filter": "f=broken&slice=domain%3Dfilm"},
        {"label": "training data checked", "asked": "no overlap", "got": "no training data was named",
         "state": "warning", "line": None, "filter": None},
    ]  # fmt: skip


def guards(schema):
    return [
        {"name": "schema", "kind": "metric", "state": "unresolved", "asked": "loses at most 1.0 points",
         "got": "0.0 points (at worst −1.1, at best +1.1)",
         "blocking": False, "margin": 1.0, "n_needed": 420, "suite": None, "line": 44,
         "comparison": schema, "ratio": None, "ratio_low": None, "ratio_high": None},
        {"name": "general-mini / accuracy", "kind": "metric", "state": "unresolved",
         "asked": "loses at most 3.0 points",
         "got": "−1.0 points (at worst −7.8, at best +5.8)",
         "blocking": False, "margin": 3.0, "n_needed": 900, "suite": "general-mini",
         "line": 45, "ratio": None, "ratio_low": None, "ratio_high": None,
         "comparison": {"metric": "accuracy", "n": 100, "n_clusters": 100, "baseline_points": 41.0,
                        "candidate_points": 40.0, "delta_points": -1.0, "ci95_points": [-7.8, 5.8],
                        "lower_points": -6.7, "upper_points": 4.7, "p_value": 0.84, "method": "tango/mcnemar-midp",
                        "improved": 6, "worsened": 7, "unscored": {"baseline": 0, "candidate": 0},
                        "worst_case_points": None, "note": None}},
        {"name": "latency p95", "kind": "latency", "state": "held", "asked": "at most 1.10 times the baseline",
         "got": "1.02 times", "blocking": False, "margin": None, "n_needed": None, "suite": None, "line": 46,
         "comparison": None, "ratio": 1.02, "ratio_low": 0.97, "ratio_high": 1.07},
    ]  # fmt: skip


def slices(rows):
    found = []
    for column, values in (("domain", DOMAINS), ("length", ("long", "short"))):
        for value in values:
            part = [r for r in rows if r["slices"][column] == value]
            if len(part) < 2:
                continue
            item = compare(part, "exact")
            low, high = item.get("ci95_points") or (None, None)
            low, high = (low - 2, high + 2) if low is not None else (None, None)
            lost = item.get("delta_points", 0.0) < -10
            state = "regressed" if lost else "held" if low is not None and low > -10 else "unresolved"
            found.append(
                {"name": f"{column}={value}", "state": state, "comparison": item, "adjusted_low": low,
                 "adjusted_high": high}
            )  # fmt: skip
    return found


def flips(rows):
    kinds = ("fixed", "broken", "both_right", "both_wrong", "unscored")
    return {kind: sum(r["flip"] == kind for r in rows) for kind in kinds}


def outcomes(rows):
    def side(role):
        status = [r[role]["status"] for r in rows]
        found = {name: status.count(name) for name in ("ok", "failed", "truncated", "refused")}
        return {**found, "cut": status.count("truncated"), "cached": 0,
                "kinds": {"timed_out": status.count("failed")} if "failed" in status else {}}  # fmt: skip

    return {role: side(role) for role in ("baseline", "candidate")}


def per_class(rows, field, labels):
    metric = f"{field}_f1"
    confusion = {role: [[0] * (len(labels) + 1) for _ in labels] for role in ("baseline", "candidate")}
    for row in rows:
        for role in ("baseline", "candidate"):
            evidence = row["scores"][metric][f"{role}_evidence"]
            if evidence:
                given = evidence["predicted"]
                column = labels.index(given) if given in labels else len(labels)
                confusion[role][labels.index(evidence["gold"])][column] += 1
    figures = {role: [label_figures(confusion[role], i) for i in range(len(labels))] for role in confusion}
    return {
        "metric": metric, "labels": list(labels), "confusion": confusion,
        "rows": [
            {"label": label, "n": sum(confusion["baseline"][i]), "baseline": figures["baseline"][i],
             "candidate": figures["candidate"][i]}
            for i, label in enumerate(labels)
        ],
    }  # fmt: skip


def label_figures(table, index):
    hit = table[index][index]
    gold = sum(table[index])
    said = sum(row[index] for row in table)
    precision, recall = (100 * hit / said if said else 0.0), (100 * hit / gold if gold else 0.0)
    f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def surroundings(status):
    weights = "c4" * 32
    return {
        "identity": {
            "baseline": {"served_model": "smollm2-135m-instruct", "weights_sha256": weights, "adapter_sha256": None,
                         "engine": "llama.cpp", "engine_version": "b7021", "endpoint": ""},
            "candidate": {"served_model": "smollm2-135m-instruct", "weights_sha256": weights,
                          "adapter_sha256": "7e" * 32, "engine": "llama.cpp", "engine_version": "b7021",
                          "endpoint": ""},
            "equal_answers": 1.0 if status == "invalid" else 0.31,
            "probe": {"n": 5, "differing": 0 if status == "invalid" else 5, "note": None},
        },
        "differences": [
            {"what": "adapter", "baseline": "none", "candidate": "adapter/ (sha256 7e7e7e7e…)"},
            {"what": "shots", "baseline": "4 examples from dev.jsonl", "candidate": "none"},
        ],
        "cost": {
            "baseline": {"usd": None, "usd_per_1000": None, "input_tokens": 128_402, "output_tokens": 4_871,
                         "note": "the suite names no price for this model"},
            "candidate": {"usd": None, "usd_per_1000": None, "input_tokens": 31_020, "output_tokens": 4_802,
                          "note": "the suite names no price for this model"},
            "as_of": None,
        },
        "latency": {"baseline": {"n": 299, "p50_s": 0.291, "p95_s": 0.538, "note": None},
                    "candidate": {"n": 299, "p50_s": 0.187, "p95_s": 0.402, "note": None}},
        "contamination": {"note": "No training data was named, so overlap with it could not be checked."},
        "freshness": {"note": "The samples carry no time."},
        "judges": {"note": "No judge scores in this suite."},
        "provenance": {"evalkit": "1.0.0", "python": "3.11.7", "platform": "Linux x86_64", "seed": 7,
                       "suite_fingerprint": "fp1:" + "5f1c" * 16, "data_sha256": "77de" * 16,
                       "dataset": "samples.jsonl",
                       "git": {"commit": "330c9ad", "dirty": False}, "started": "2026-11-22T16:12:01Z",
                       "finished": "2026-11-22T16:18:15Z", "wall_s": 374.2,
                       "command": "evalkit run suites/review-triage/suite.yaml"},
        "warnings": ["The suite does not pin its data: `evalkit lock` writes the sha256 into suite.yaml."],
    }  # fmt: skip


def make_manifest():
    system = 'Classify the review. Answer with one JSON object:\n{"domain": …, "sentiment": …}'
    user = {"role": "user", "content": "The soup was cold and badly seasoned."}
    return {
        "suite": {"version": 1, "name": "review-triage", "dataset": {"path": "samples.jsonl", "id": "id"}},
        "digests": {"samples.jsonl": "77de" * 16, "prompts/system.md": "a01b" * 16},
        "versions": {"evalkit": "1.0.0", "numpy": "2.4.0", "xllamacpp": "2026.10"},
        "command": "evalkit run suites/review-triage/suite.yaml",
        "prompts": {
            "baseline": {"system": system, "template": "{{ review }}", "shots": 4,
                         "example_messages": [{"role": "system", "content": system}, user]},
            "candidate": {"system": system, "template": "{{ review }}", "shots": 0, "example_messages": [user]},
        },
    }  # fmt: skip


def make_documents(status="ship", n=300, words=None):
    rows = make_samples(status, n, words=words)
    return make_verdict(status, rows), rows, make_manifest()

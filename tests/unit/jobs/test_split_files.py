import json

import pytest

from evalkit.errors import UsageError
from evalkit.jobs.split import SplitOptions, split


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


WORDS = ("alpha", "beta", "gamma", "delta")


def rows(n=60):
    return [
        {"prompt": f"ticket {i} says {WORDS[i % 4]} number {i * 7919}", "completion": f"c{i}",
         "user_id": f"u{i % 12}", "time": f"2026-01-{1 + i % 28:02d}", "kind": "xy"[i % 2]}
        for i in range(n)
    ]  # fmt: skip


def test_sides_share_no_group_and_no_near_copy_and_the_manifest_says_how(tmp_path):
    data = rows()
    long = "the parcel with the blue lamp arrived with a broken shade and two screws missing from the small bag inside"
    data[0]["prompt"], data[1]["prompt"] = long, long.replace("blue", "green")  # near-copies of two users
    data.append(dict(data[5]))
    manifest, folder = split(SplitOptions(data=[write(tmp_path / "d.jsonl", data)], by="group", out=tmp_path / "out"))
    train, held = read(folder / "train.jsonl"), read(folder / "eval.jsonl")
    assert not {r["user_id"] for r in train} & {r["user_id"] for r in held}
    near = {data[0]["prompt"], data[1]["prompt"]}
    assert len(near & {r["prompt"] for r in train}) in {0, 2}
    assert len(train) + len(held) == 60
    assert manifest["dropped"] == [{"row": f"{tmp_path / 'd.jsonl'}:61", "copy_of": f"{tmp_path / 'd.jsonl'}:6"}]
    assert manifest["clusters"] == 11
    assert json.loads((folder / "split.json").read_text()) == manifest


def test_two_runs_write_the_same_bytes(tmp_path):
    data = [write(tmp_path / "d.jsonl", rows())]
    folders = [
        split(SplitOptions(data=data, by="group", stratify="kind", out=tmp_path / name))[1] for name in ("a", "b")
    ]
    for name in ("train.jsonl", "eval.jsonl", "split.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_by_time_the_newest_are_held_out(tmp_path):
    _, folder = split(SplitOptions(data=[write(tmp_path / "d.jsonl", rows())], by="time", out=tmp_path / "out"))
    assert max(r["time"] for r in read(folder / "train.jsonl")) < min(r["time"] for r in read(folder / "eval.jsonl"))


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, {"by": "user"}, "--by user: must be group, time or source"),
        ({}, {"by": "source"}, "which column says so? name it with --key"),
        ({}, {"by": "group", "test": 1.0}, "must be a share between 0 and 1"),
        ({"user_id": None}, {"by": "group"}, "1 of 60 rows have no 'user_id'"),
        ({"time": "soon"}, {"by": "time"}, "'soon' in 'time' is no time that can be read"),
        ({}, {"by": "time", "stratify": "kind"}, "takes the newest rows"),
        ({}, {"by": "group", "key": "kind", "test": 0.2}, "is the nearest to 20% that keeps clusters whole"),
        ({}, {"by": "group", "key": "kind"}, "30 of these rows have one value in that column, so name a finer column"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(tmp_path, change, options, said):
    data = rows()
    data[7] |= change
    with pytest.raises(UsageError) as caught:
        split(SplitOptions(data=[write(tmp_path / "d.jsonl", data)], out=tmp_path / "out", **options))
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("by", "key"), [("group", "user_id"), ("source", "url")])
def test_near_copies_that_tie_all_rows_together_are_named_as_what_does(tmp_path, by, key):
    said = [" ".join(f"w{i * 5 + k}" for k in range(40)) for i in range(60)]  # each near to those beside it
    data = [{"prompt": text, "completion": "x", key: f"v{i}"} for i, text in enumerate(said)]
    with pytest.raises(UsageError) as caught:
        split(SplitOptions(data=[write(tmp_path / "d.jsonl", data)], by=by, out=tmp_path / "out"))
    assert f"cannot be split by {key}: all rows hang together in one cluster" in str(caught.value)
    assert "near-copies tie 60 values of that column together, so take out rows" in str(caught.value)


def test_files_that_are_there_stay(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "eval.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        split(SplitOptions(data=[write(tmp_path / "d.jsonl", rows())], by="group", out=tmp_path / "out"))
    assert (tmp_path / "out" / "eval.jsonl").read_text() == "mine"

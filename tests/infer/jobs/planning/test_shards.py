"""Parts of a job."""

from pathlib import Path

from allaprima.infer.jobs.planning.job import shard_of
from allaprima.infer.jobs.planning.plan_jobs import plan_jobs
from tests.conftest import Run
from tests.infer.jobs.conftest import make_pictures


def test_shards_are_everything_once_and_stay(tmp_path: Path) -> None:
    jobs = plan_jobs([make_pictures(tmp_path / "in", 20)], tmp_path / "out")
    parts = [shard_of(jobs, tmp_path / "out", index, 3) for index in (1, 2, 3)]
    assert sorted((job for part in parts for job in part), key=str) == sorted(jobs, key=str)
    assert all(parts)
    elsewhere = plan_jobs([tmp_path / "in"], tmp_path / "elsewhere")
    names = [[job.target.name for job in part] for part in parts]
    assert [job.target.name for job in shard_of(elsewhere, tmp_path / "elsewhere", 1, 3)] == names[0]
    assert [job.target.name for job in parts[0]] == [
        job.target.name for job in shard_of(jobs[:10] + jobs[10:], tmp_path / "out", 1, 3)
    ]


def test_shards_on_the_command_line(style: Path, tmp_path: Path, run: Run) -> None:
    folder = make_pictures(tmp_path / "in", 6)
    for index in (1, 2):
        arguments = ("stylize", style, folder, "-o", tmp_path / "out", "--shard", f"{index}/2")
        assert run(*arguments)[0] == 0
        assert (tmp_path / f"out.{index}-of-2.manifest.jsonl").is_file()
    assert len(list((tmp_path / "out").iterdir())) == 6
    for wrong in ("3/2", "0/2", "1", "a/b", "1/0"):
        assert run("stylize", style, folder, "-o", tmp_path / "out", "--shard", wrong)[0] == 2

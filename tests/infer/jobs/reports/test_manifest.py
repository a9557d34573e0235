"""What a job did is recorded, and a job goes on from the record."""

import json
import os
from pathlib import Path

import pytest

from allaprima.infer.jobs.pipeline.outcome import Outcome
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.planning.plan import make_plan
from allaprima.infer.jobs.reports.earlier_runs import read_manifest
from allaprima.infer.jobs.reports.manifest import Manifest
from allaprima.models.style_file import StyleHeader, save_style
from tests.conftest import Run, paint, small_network
from tests.infer.jobs.conftest import make_pictures


def manifest(output: Path) -> list[dict[str, object]]:
    return list(read_manifest(output.with_name(f"{output.name}.manifest.jsonl")))


def test_what_was_done_is_recorded(style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = make_pictures(tmp_path / "in", 3), tmp_path / "out"
    (folder / "001.png").write_bytes(b"no picture")
    assert run("stylize", style, folder, "-o", out, "--engine", "eager")[0] == 1
    first, *lines = manifest(out)
    job = first["job"]
    assert isinstance(job, dict)
    assert job["engine"] == "eager"
    assert len(job["style_sha256"]) == 64
    assert [line["outcome"] for line in lines] == ["stylized", "failed", "stylized"]
    assert (lines[0]["height"], lines[0]["width"]) == (20, 24)
    assert "cannot be read" in str(lines[1]["error"])
    assert lines[2]["output"] == str(out / "002.png")


def test_a_job_goes_on_where_it_stopped_and_not_with_another_style(
    style: Path, tmp_path: Path, run: Run
) -> None:
    folder, out, style_file = (
        make_pictures(tmp_path / "in", 3),
        tmp_path / "out",
        tmp_path / "mine.safetensors",
    )
    style_file.write_bytes(style.read_bytes())
    arguments = ("stylize", style_file, folder, "-o", out, "--engine", "eager")
    assert run(*arguments)[0] == 0
    (out / "001.png").unlink()
    record = out.with_name("out.manifest.jsonl")
    record.write_text(record.read_text() + '{"input": "kil', encoding="utf-8")
    assert "1 picture stylised, 2 skipped" in run(*arguments)[1]
    assert len(manifest(out)) == 8
    save_style(style_file, small_network("tiny"), StyleHeader(style_name="b", style_sha256=""))
    code, _, error = run(*arguments)
    assert code == 2
    assert "style_sha256 was" in error
    assert "start anew with --overwrite" in error
    assert run(*arguments, "--overwrite")[0] == 0
    assert run(*arguments)[0] == 0


def test_a_job_does_not_go_on_with_other_tiles(style: Path, tmp_path: Path, run: Run) -> None:
    folder = make_pictures(tmp_path / "in", 1)
    arguments = ("stylize", style, folder, "-o", tmp_path / "out", "--engine", "eager", "--tiles")
    assert run(*arguments, "fast")[0] == 0
    code, _, error = run(*arguments, "exact")
    assert code == 2
    assert "painted otherwise: tiles was fast and is exact" in error
    assert run(*arguments, "fast")[0] == 0


def test_a_result_of_another_picture_is_not_passed_over(
    style: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    paint(20, 20, 1).save(folder / "a.gif")
    assert run("stylize", style, folder, "-o", out, "--engine", "eager")[0] == 0
    first = (out / "a.png").read_bytes()
    paint(20, 20, 2).save(folder / "a.png")
    arguments = ("stylize", style, "in", "-o", "out", "--engine", "eager")
    code, said, error = run(*arguments)
    assert (code, said) == (2, "")
    assert f"'out/a.png' was painted of '{folder / 'a.gif'}', and the result of 'in/a.png' has that" in error
    assert "move it away and start again" in error
    assert [path.name for path in out.iterdir()] == ["a.png"]
    (out / "a.png").unlink()
    assert "2 pictures stylised" in run(*arguments)[1]
    assert (out / "a.gif.png").read_bytes() == first
    folder.rename(tmp_path / "moved")
    code, said, _ = run("stylize", style, tmp_path / "moved", "-o", out, "--engine", "eager")
    assert (code, "2 skipped" in said) == (0, True)


def test_what_a_result_lacks_is_known_by_every_name_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As machines of a cluster, which know absolute names alone, tell it."""
    monkeypatch.chdir(tmp_path)
    plan = make_plan([Path("a.tar")], Path("out"), suffix=None, part=None, into_folder=True)
    (planned,), (absolute,) = plan.containers, plan.absolute().containers
    bad = Outcome(Job(planned.source / "bad.png", planned.target / "bad.png"), "failed")
    good = Outcome(Job(planned.source / "good.png", planned.target / "good.png"), "stylized")
    with Manifest(Path("record"), {}, plan, anew=False) as record:
        assert len([*record.recorded([bad, good])]) == 2
    for job in (planned, absolute):
        with Manifest(Path("record"), {}, plan, anew=False) as record:
            skipped, lacking = record.recorded([Outcome(job, "skipped")])
        assert (skipped.status, lacking.status) == ("skipped", "failed")
        assert lacking.message.startswith(f"'{bad.job.source}': '{job.target}' is there without it")


def test_odd_names_are_painted_told_and_recorded(style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    names = [b"two words.png", b"line\nend.png", b"\xff\xfe.png", "gr\u00fcn.png".encode()]
    for name in names:
        paint(20, 20, 1).save(folder / os.fsdecode(name))
    (folder / os.fsdecode(b"bad \xff\n.png")).write_bytes(b"no picture")
    (folder / "loop").symlink_to(folder)
    code, _, error = run("stylize", style, folder, "-o", out)
    assert code == 1
    assert error.count("\n") == 1
    assert "bad \\udcff\\n.png" in error or "bad \\xff\\n.png" in error
    assert {os.fsencode(path.name) for path in out.iterdir()} == set(names)
    recorded = {os.fsencode(Path(str(line["output"])).name) for line in manifest(out)[1:]}
    assert recorded == {*names, b"bad \xff\n.png"}
    for line in (tmp_path / "out.manifest.jsonl").read_text(encoding="ascii").splitlines():
        json.loads(line)

"""Tar and parquet files of pictures: all that was in them is in the result, or they are told."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest
from datasets import ClassLabel, Features, Image, Value
from pyarrow import parquet

from allaprima.images.picture_files import read_picture
from allaprima.infer.jobs.containers import parquet_shards
from allaprima.infer.jobs.reports.earlier_runs import read_manifest
from tests.conftest import Run
from tests.infer.jobs.conftest import encoded, expected
from tests.repeated_values import memory_taken, write_repeated


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as shard:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            shard.addfile(info, io.BytesIO(data))
    return path


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as shard:
        return {info.name: shard.extractfile(info).read() for info in shard}  # type: ignore[union-attr]


def test_a_shard_comes_out_as_a_shard(style: Path, tmp_path: Path, run: Run) -> None:
    contents = {
        "0.json": b"{}",
        "0.png": encoded(0),
        "0.txt": b"a caption",
        "1.gif": encoded(1, "gif"),
        "2.png": b"no picture",
        "deep/3.png": encoded(3),
        "3.cls": b"7",
    }
    source = make_tar(tmp_path / "a.tar", contents)
    arguments = ("stylize", style, source, "-o", tmp_path / "out", "--engine", "eager")
    code, out, error = run(*arguments)
    assert (code, error.count("\n")) == (1, 1)
    assert out.startswith("3 pictures stylised, 1 failed")
    assert "a.tar/2.png'" in error
    results = members(tmp_path / "out" / "a.tar")
    assert list(results) == ["0.json", "0.png", "0.txt", "1.png", "deep/3.png", "3.cls"]
    assert [results[name] for name in ("0.json", "0.txt", "3.cls")] == [b"{}", b"a caption", b"7"]
    for name in ("0.png", "deep/3.png"):
        np.testing.assert_array_equal(read_picture(results[name]).rgb, expected(style, contents[name]))


@pytest.mark.parametrize("kind", ["tar", "parquet"])
def test_pictures_a_result_lacks_are_failures_until_it_is_made_anew(
    kind: str, style: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*names: str) -> Path:
        data = {name: encoded(0) if name.startswith("good") else b"no picture" for name in names}
        if kind == "tar":
            return make_tar(
                tmp_path / "a.tar", {f"deep/{name}.png": content for name, content in data.items()}
            )
        rows = pa.table({"image": list(data.values())})
        parquet.write_table(rows, tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    arguments = ("stylize", style, make("good", "bad", "worse"), "-o", tmp_path / "out", "--engine", "eager")
    assert run(*arguments)[1].startswith("1 picture stylised, 2 failed")
    monkeypatch.chdir(tmp_path)
    make("good", "good too", "worse")
    for _ in range(2):
        code, said, error = run(*arguments[:3], "-o", "out", *arguments[5:])
        assert (code, error.count("\n")) == (1, 2)
        assert "2 failed, 1 skipped" in said
        first = "deep/bad.png" if kind == "tar" else "row-1"
        assert f"a.{kind}/{first}': 'out/a.{kind}' is there without it; --overwrite makes it anew" in error
    assert run(*arguments, "--overwrite")[1].startswith("2 pictures stylised, 1 failed")
    assert "1 failed, 1 skipped" in run(*arguments)[1]
    make("good", "good too")
    assert run(*arguments, "--overwrite")[0] == 0
    code, said, error = run(*arguments)
    assert (code, error) == (0, "")
    assert "1 skipped" in said


@pytest.mark.parametrize("kind", ["tar", "parquet"])
def test_a_shard_of_failures_alone_has_no_result(kind: str, style: Path, tmp_path: Path, run: Run) -> None:
    source = tmp_path / f"a.{kind}"
    if kind == "tar":
        make_tar(source, {"a.png": b"no picture", "a.txt": b"a caption"})
    else:
        parquet.write_table(pa.table({"image": [b"no picture"]}), source)
    for _ in range(2):
        code, said, _ = run("stylize", style, source, "-o", tmp_path / "out", "--engine", "eager")
        assert (code, said) == (1, "0 pictures stylised, 1 failed\n")
        assert not (tmp_path / "out" / source.name).exists()


def test_no_member_of_a_shard_replaces_another(style: Path, tmp_path: Path, run: Run) -> None:
    contents = {"./a.gif": encoded(1, "gif"), "a.png": encoded(2), "a.png.png": encoded(3), "a.txt": b"x"}
    source = make_tar(tmp_path / "a.tar", contents)
    assert run("stylize", style, source, "-o", tmp_path / "out", "--engine", "eager")[0] == 0
    results = members(tmp_path / "out" / "a.tar")
    assert list(results) == ["a.png", "a.png.png", "a.png.png.png", "a.txt"]
    for name, seed in {"a.png": 1, "a.png.png": 2, "a.png.png.png": 3}.items():
        painted = read_picture(results[name]).rgb
        data = encoded(seed, "gif") if seed == 1 else encoded(seed)
        np.testing.assert_array_equal(painted, expected(style, data))
    lines = list(read_manifest(tmp_path / "out.manifest.jsonl"))[1:]
    assert [Path(line["output"]).name for line in lines] == ["a.png", "a.png.png", "a.png.png.png"]


def add(shard: tarfile.TarFile, name: str, kind: bytes, linkname: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, linkname, 5  # which GNU cpio tells of links, too
    info.pax_headers = {"path": name, "linkpath": linkname} if linkname else {}
    shard.addfile(info)


def test_links_lead_to_what_their_targets_became(style: Path, tmp_path: Path, run: Run) -> None:
    contents = {"deep/a.gif": encoded(1, "gif"), "b.png": encoded(2), "bad.png": b"no picture", "b.txt": b"x"}
    source = make_tar(tmp_path / "a.tar", contents)
    with tarfile.open(source, "a") as shard:
        add(shard, "empty", tarfile.DIRTYPE)
        add(shard, "hard.gif", tarfile.LNKTYPE, "deep/a.gif")
        add(shard, "hard.txt", tarfile.LNKTYPE, "b.txt")
        add(shard, "deep/a.png", tarfile.LNKTYPE, "hard.gif")
        add(shard, "c.gif", tarfile.SYMTYPE, "deep/a.gif")
        add(shard, "latest", tarfile.SYMTYPE, "d.gif")
        add(shard, "soft.txt", tarfile.SYMTYPE, "b.txt")
        add(shard, "hard to soft.txt", tarfile.LNKTYPE, "soft.txt")
    code, said, error = run("stylize", style, source, "-o", tmp_path / "out", "--engine", "eager")
    assert (code, error.count("\n")) == (1, 1)
    assert said.startswith("4 pictures stylised, 1 failed")
    with tarfile.open(tmp_path / "out" / "a.tar") as result:
        links = {info.name: info.linkname for info in result if info.islnk() or info.issym()}
        names = result.getnames()
        hard = result.extractfile("deep/a.png.png")
        assert hard is not None
        painted = read_picture(hard.read()).rgb
    np.testing.assert_array_equal(painted, expected(style, contents["deep/a.gif"]))
    assert names == ["deep/a.png", "b.png", "b.txt", "empty", *links]
    assert links == {
        "hard.png": "deep/a.png",
        "hard.txt": "b.txt",
        "deep/a.png.png": "hard.png",
        "c.png": "deep/a.png",
        "latest": "d.png",
        "soft.txt": "b.txt",
        "hard to soft.txt": "soft.txt",
    }


def test_hard_links_to_what_is_not_there_have_failed(style: Path, tmp_path: Path, run: Run) -> None:
    source = make_tar(tmp_path / "a.tar", {"a.png": encoded(1), "bad.png": b"no picture", "a.txt": b"x"})
    links = {"1.png": "bad.png", "2.png": "later.png", "3.png": "a.txt", "4": "a.png"}
    with tarfile.open(source, "a") as shard:
        for name, target in links.items():
            add(shard, name, tarfile.LNKTYPE, target)
    code, said, error = run("stylize", style, source, "-o", tmp_path / "out")
    assert (code, said) == (1, "1 picture stylised, 5 failed\n")
    assert "a.tar/1.png': it is a hard link to 'bad.png', which failed" in error
    assert list(members(tmp_path / "out" / "a.tar")) == ["a.png", "a.txt"]


def test_a_tar_that_is_cut_short_leaves_nothing(style: Path, tmp_path: Path, run: Run) -> None:
    source = make_tar(tmp_path / "a.tar", {f"{index}.png": encoded(index) for index in range(4)})
    source.write_bytes(source.read_bytes()[:4000])
    (tmp_path / "b.tar").write_bytes(b"no tar" * 200)
    good = make_tar(tmp_path / "c.tar", {"0.png": encoded(0)})
    code, _, error = run("stylize", style, source, tmp_path / "b.tar", good, "-o", tmp_path / "out")
    assert code == 1
    assert "a.tar' is no tar file, or cut short" in error
    assert "b.tar' is no tar file, or cut short" in error
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["c.tar"]


def make_parquet(path: Path, count: int) -> Path:
    pictures = [{"bytes": encoded(index % 7), "path": f"{index}.png"} for index in range(count)]
    pictures[1]["bytes"] = b"no picture"
    features = Features({"label": ClassLabel(names=["a", "b"]), "shot": Image(), "text": Value("string")})
    columns = {"label": [index % 2 for index in range(count)], "shot": pictures, "text": ["x"] * count}
    parquet.write_table(pa.table(columns, schema=features.arrow_schema), path)
    return path


def test_a_table_gets_a_column_more(style: Path, tmp_path: Path, run: Run) -> None:
    source = make_parquet(tmp_path / "a.parquet", 70)
    code, out, error = run("stylize", style, source, "-o", tmp_path / "out", "--format", "png")
    assert code == 1
    assert out.startswith("69 pictures stylised, 1 failed")
    assert "a.parquet/row-1'" in error
    before, after = (parquet.read_table(path) for path in (source, tmp_path / "out" / "a.parquet"))
    assert after.column_names == ["label", "shot", "text", "stylized"]
    assert after.drop(["stylized"]).to_pylist() == before.to_pylist()
    features = Features.from_arrow_schema(after.schema)
    assert isinstance(features["stylized"], Image)
    assert features["label"].names == ["a", "b"]
    results = after["stylized"].to_pylist()
    assert [number for number, result in enumerate(results) if result is None] == [1]
    for number in (0, 2, 69):
        painted = read_picture(results[number]["bytes"]).rgb
        np.testing.assert_array_equal(painted, expected(style, encoded(number % 7)))


def test_a_table_without_pictures_and_a_damaged_one_are_told(style: Path, tmp_path: Path, run: Run) -> None:
    parquet.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no more")
    code, out, error = run("stylize", style, *tmp_path.glob("*.parquet"), "-o", tmp_path / "out")
    assert code == 1
    assert out == "0 pictures stylised, 2 failed\n"
    assert "a.parquet' has no column of pictures; its columns are a, b" in error
    assert "b.parquet' is no parquet file, or damaged" in error
    assert not list((tmp_path / "out").iterdir())


PAINTING = """
from allaprima.infer.jobs.containers.parquet_shards import *; from allaprima.images.picture_files import *
import contextlib
job = Job(Path(sys.argv[1]), Path(sys.argv[2]))
done = []
with contextlib.suppress(NothingPaintedError):
    for outcome in stylize_parquet(lambda picture: picture, job, suffix=None, quality=90, max_pixels=10**8):
        done.append(outcome)
assert {outcome.status for outcome in done} == {sys.argv[3]} and len(done) == 65
"""


@pytest.mark.parametrize("status", ["stylized", "failed"])
def test_a_value_that_stands_in_all_rows_is_held_a_few_times(status: str, tmp_path: Path) -> None:
    """A dictionary of one large value makes many large rows of a few bytes."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (1672, 1672)).save(file, "BMP")
    value = file.getvalue() if status == "stylized" else bytes(8 << 20)
    source = write_repeated(tmp_path / "a.parquet", value, 65)
    assert memory_taken(PAINTING, source, tmp_path / "out.parquet", status) < 400 << 20  # of 520


def test_rows_that_would_fill_memory_are_refused(
    style: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_shards, "LARGEST_ROW", 1 << 20)
    source = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"image": [encoded(0), bytes(2 << 20)]}), source)
    code, _, error = run("stylize", style, source, "-o", tmp_path / "out")
    assert code == 1
    assert "row 1 has 20971" in error
    assert not (tmp_path / "out" / "a.parquet").exists()


def test_containers_do_not_replace_one_another(style: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "sub").mkdir()
    first = make_tar(tmp_path / "a.tar", {"0.png": encoded(0)})
    second = make_tar(tmp_path / "sub" / "a.tar", {"0.png": encoded(0)})
    assert "would both be written" in run("stylize", style, first, second, "-o", tmp_path / "out")[2]
    assert "would replace an input" in run("stylize", style, first, "-o", tmp_path)[2]


def test_members_that_would_fill_memory_are_refused(style: Path, tmp_path: Path, run: Run) -> None:
    """A sparse member of a header alone may claim any size."""
    header = bytearray(tarfile.TarInfo("a.png").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"00000000000\0" * 2  # an empty part at the beginning
    header[483:495] = b"\x80" + (10**13).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(header + bytes(1024))
    code, _, error = run("stylize", style, tmp_path / "a.tar", "-o", tmp_path / "out")
    assert code == 1
    assert "a.tar/a.png', with what comes between it and the picture before, has more than 268435456" in error


def test_a_compressed_tar_comes_out_as_a_tar(style: Path, tmp_path: Path, run: Run) -> None:
    whole = gzip.compress(make_tar(tmp_path / "a.tar", {"0.png": encoded(0), "0.txt": b"x"}).read_bytes())
    (tmp_path / "b.tar.gz").write_bytes(whole)
    (tmp_path / "c.tgz").write_bytes(whole[: len(whole) // 2])
    code, said, error = run(
        "stylize", style, tmp_path / "b.tar.gz", tmp_path / "c.tgz", "-o", tmp_path / "out"
    )
    assert code == 1
    assert "1 failed" in said
    assert "c.tgz' is no tar file, or cut short" in error
    assert list(members(tmp_path / "out" / "b.tar")) == ["0.png", "0.txt"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.tar"]
    assert run("stylize", style, tmp_path / "b.tar.gz", "-o", tmp_path / "one.tar")[0] == 0
    assert list(members(tmp_path / "one.tar")) == ["0.png", "0.txt"]


def test_a_tar_compressed_by_zstd_comes_out_as_a_tar(style: Path, tmp_path: Path, run: Run) -> None:
    source = make_tar(tmp_path / "a.tar", {"0.png": encoded(0), "0.txt": b"x", "1.png": encoded(1)})
    whole = source.read_bytes()
    frames = [pa.compress(part, "zstd").to_pybytes() for part in (whole[:3000], whole[3000:])]
    (tmp_path / "b.tar.zst").write_bytes(b"".join(frames))
    assert run("stylize", style, tmp_path / "b.tar.zst", "-o", tmp_path / "out")[0] == 0
    assert list(members(tmp_path / "out" / "b.tar")) == ["0.png", "0.txt", "1.png"]
    for name, content in (("c", frames[0]), ("d", frames[0][:-9]), ("e", b"no zstd at all"), ("f", b"")):
        (tmp_path / f"{name}.tar.zst").write_bytes(content)
        code, _, error = run("stylize", style, tmp_path / f"{name}.tar.zst", "-o", tmp_path / "out")
        assert code == 1
        assert error.startswith(f"error: '{tmp_path / name}.tar.zst'")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.tar"]


def test_files_of_many_pictures_keep_their_kind(style: Path, tmp_path: Path, run: Run) -> None:
    tar = make_tar(tmp_path / "a.tar", {"0.png": encoded(0)})
    table = make_parquet(tmp_path / "a.parquet", 2)
    (tmp_path / "b.png").write_bytes(encoded(1))
    assert "keep their kind" in run("stylize", style, table, "-o", tmp_path / "out.tar")[2]
    assert "keep their kind" in run("stylize", style, tar, table, "-o", tmp_path / "out.tar")[2]
    assert "cannot take both" in run("stylize", style, tar, tmp_path / "b.png", "-o", tmp_path / "out.tar")[2]

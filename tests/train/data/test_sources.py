"""Content pictures are found in folders, tar and parquet files, and nothing else is taken for one."""

import io
import logging
import socket
import tarfile
from collections.abc import Iterable
from pathlib import Path

import datasets.config
import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.packaged_modules.parquet.parquet import Parquet
from PIL import Image

from allaprima.images.picture_files import PictureError, read_picture
from allaprima.train.data.sources import PictureSource, PictureStream, check_content, open_source, open_stream
from allaprima.train.data.undecoded_picture import NoPicture


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("network access")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")


def encoded(red: int, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (red, 0, 0)).save(file, form)
    return file.getvalue()


def red(payload: object) -> int:
    assert isinstance(payload, Path | bytes)
    return int(read_picture(payload).rgb[0, 0, 0])


def reds(source: PictureSource) -> list[int]:
    return [red(source[index]) for index in range(len(source))]


def streamed(stream: PictureStream) -> list[int]:
    return [red(payload) for _, payload in stream]


def write_folder(folder: Path, names: Iterable[str]) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(number))


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_folder_of_any_depth_and_case(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a.png", "b/c.JPG", "b/d/e.Jpeg", "z.webp"])
    source = open_source(str(tmp_path))
    assert [source.name(index) for index in range(len(source))] == [
        "a.png",
        "b/c.JPG",
        "b/d/e.Jpeg",
        "z.webp",
    ]
    assert reds(source) == [0, 1, 2, 3]


def test_folder_with_other_files_beside_the_pictures(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a.png", ".hidden.png", ".thumbnails/b.png"])
    for name in ("metadata.csv", "SOURCES.tsv", "labels.txt", "notes"):
        (tmp_path / name).write_text("file_name\tx\n")
    assert reds(open_source(str(tmp_path))) == [0]


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    write_folder(tmp_path, ["content/a.png", "elsewhere/b.png"])
    (tmp_path / "content/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "content/loop").symlink_to(tmp_path / "content")
    (tmp_path / "content/gone.png").symlink_to(tmp_path / "nothing.png")
    source = open_source(str(tmp_path / "content"))
    assert [source.name(index) for index in range(len(source))] == ["a.png", "gone.png", "linked/b.png"]
    source.fingerprint()


def test_glob_of_pictures(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a/1.png", "a/2.png", "b/3.png"])
    assert reds(open_source(str(tmp_path / "a" / "*.png"))) == [0, 1]


def test_relative_paths_do_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path, ["photos/a.png"])
    monkeypatch.chdir(tmp_path)
    source = open_source("photos")
    monkeypatch.chdir(tmp_path.parent)
    assert reds(source) == [0]


def test_fingerprint_follows_the_files(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a.png", "b.png"])
    before = open_source(str(tmp_path)).fingerprint()
    assert open_source(str(tmp_path)).fingerprint() == before
    (tmp_path / "b.png").write_bytes(encoded(9, "BMP"))
    assert open_source(str(tmp_path)).fingerprint() != before


def test_tar_takes_one_picture_per_sample(tmp_path: Path) -> None:
    write_tar(
        tmp_path / "a.tar",
        [
            ("0.json", b"{"),
            ("0.png", encoded(10)),
            ("0.jpg", encoded(11)),
            ("0.seg.png", encoded(12)),
            ("x/1.PNG", encoded(13)),
            ("x/._1.png", b"resource fork"),
            ("2.txt", b"no picture here"),
        ],
    )
    source = open_source(str(tmp_path / "a.tar"))
    assert reds(source) == [11, 13]
    assert source.name(1) == "a.tar/x/1.PNG"
    assert streamed(open_stream(str(tmp_path))) == [11, 13]
    masks = open_source(str(tmp_path / "a.tar"), image_column="seg.png")
    assert reds(masks) == [12]
    assert masks.fingerprint() != source.fingerprint()


def test_tars_are_read_in_order_as_often_as_asked(tmp_path: Path) -> None:
    for name, numbers in (("b.tar", [3, 4]), ("a.tar", [1, 2])):
        write_tar(tmp_path / name, [(f"{number}.png", encoded(number)) for number in numbers])
    stream = open_stream(str(tmp_path / "*.tar"))
    assert streamed(stream) == streamed(stream) == [1, 2, 3, 4]


def test_cut_tar_gives_the_pictures_before_the_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_tar(tmp_path / "a.tar", [(f"{number}.png", encoded(number)) for number in range(5)])
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(data[: 3 * 1024 + 512 + 20])
    source = open_source(str(tmp_path / "a.tar"))
    assert [red(source[index]) for index in range(3)] == [0, 1, 2]
    with pytest.raises(PictureError):
        red(source[3])
    assert "cut short or damaged" in caplog.text


@pytest.mark.parametrize("size", ["-5000", "99999999999999"])
def test_impossible_sizes_end_a_tar_as_a_cut_does(
    size: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, data = tmp_path / "a.tar", encoded(3)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("a.png", "b.png"):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.pax_headers = {"size": size} if name == "b.png" else {}
            tar.addfile(info, io.BytesIO(data))
    source = open_source(str(path))
    assert red(source[0]) == 3
    assert all(isinstance(source[index], NoPicture) for index in range(1, len(source)))
    assert "is cut short or damaged" in caplog.text


def test_compressed_tar_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w:gz"):
        pass
    with pytest.raises(ValueError, match=r"'.*a.tar' is not an uncompressed tar file"):
        open_source(str(tmp_path / "a.tar"))


def test_tar_without_pictures(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [("0.txt", b"")])
    for opened in (open_source, open_stream):
        with pytest.raises(ValueError, match=r"no pictures in '.*a.tar'"):
            opened(str(tmp_path / "a.tar"))


def test_parquet_of_datasets(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [{"bytes": encoded(number), "path": f"{number}.png"} for number in range(40)]
    table = datasets.Dataset.from_dict({"label": list(range(40)), "picture": rows})
    table = table.cast_column("picture", datasets.Image())
    shown = datasets.are_progress_bars_disabled()
    for part in (0, 1):
        with (tmp_path / f"{part}.parquet").open("wb") as file:
            pq.write_table(table.shard(2, part, contiguous=True).with_format("arrow")[:], file)
    capfd.readouterr()
    source = open_source(str(tmp_path))
    assert reds(source) == list(range(40))
    assert source.name(3) == "row 3 (3.png)"
    assert source.fingerprint() == open_source(str(tmp_path)).fingerprint()
    assert streamed(open_stream(str(tmp_path / "1.parquet"))) == list(range(20, 40))
    assert capfd.readouterr().err == ""
    assert datasets.are_progress_bars_disabled() == shown


def test_parquet_with_glob_characters_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "a[1]").mkdir()
    pq.write_table(pa.table({"jpg": [encoded(1)]}), tmp_path / "a[1]" / "x[2]*.parquet")
    assert reds(open_source(str(tmp_path / "a[1]"))) == [1]
    assert streamed(open_stream(str(tmp_path / "a[1]" / "x[2]*.parquet"))) == [1]


def test_parquet_of_plain_bytes(tmp_path: Path) -> None:
    pictures = pa.array([encoded(1), None, b"text"], pa.binary())
    pq.write_table(pa.table({"text": ["a", "b", "c"], "jpg": pictures}), tmp_path / "a.parquet")
    source = open_source(str(tmp_path / "a.parquet"))
    assert red(source[0]) == 1
    assert [source[1], source[2]] == [b"", b"text"]


def test_parquet_without_pictures_names_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), tmp_path / "a.parquet")
    with pytest.raises(
        ValueError, match=r"no column holds pictures; 'a.parquet' has the columns text, label"
    ):
        open_source(str(tmp_path / "a.parquet"))
    with pytest.raises(
        ValueError, match=r"image_column 'img' does not exist; 'a.parquet' has the columns text"
    ):
        open_stream(str(tmp_path / "a.parquet"), image_column="img")


def test_damaged_and_empty_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(ValueError, match=r"'a.parquet' cannot be read as parquet"):
        open_source(str(tmp_path / "a.parquet"))
    pq.write_table(pa.table({"jpg": pa.array([], pa.binary())}), tmp_path / "a.parquet")
    for opened in (open_source, open_stream):
        with pytest.raises(ValueError, match=r"no pictures in 'a.parquet'; it has no rows"):
            opened(str(tmp_path / "a.parquet"))
    pq.write_table(pa.table({"jpg": pa.array([encoded(5)], pa.binary())}), tmp_path / "b.parquet")
    assert reds(open_source(str(tmp_path))) == streamed(open_stream(str(tmp_path))) == [5]


def test_the_majority_decides_in_a_mixed_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_folder(tmp_path, ["a.png", "b.png"])
    (tmp_path / "metadata.parquet").write_bytes(b"")
    with caplog.at_level(logging.INFO):
        assert reds(open_source(str(tmp_path))) == [0, 1]
    assert "taking the 2 pictures of {'pictures': 2, 'parquet': 1}" in caplog.text


def test_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("")
    with pytest.raises(
        ValueError, match=r"no pictures in '.*'; looked for .*\.jpg, .*\.parquet; it has 1 other"
    ):
        open_source(str(tmp_path))


@pytest.mark.parametrize("name", ["a.tar.zst", "a.tar.gz", "a.zip"])
def test_compressed_files_are_to_be_unpacked(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    for opened in (open_source, open_stream):
        for content in (tmp_path, tmp_path / name):
            with pytest.raises(
                ValueError, match=f"it has 1 other file, such as '{name}': unpack it, or make"
            ):
                opened(str(content))


def test_folder_of_pictures_is_no_stream(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a.png"])
    with pytest.raises(ValueError, match="is a folder of pictures, which cannot be streamed"):
        open_stream(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        *(
            "./photos",
            "/no/such/folder",
            "shard.tar",
            "missing/*.parquet",
            "a b/c",
            "fotographs",
            "photos/sumer",
        ),
        *(
            "photos/",
            "photos\\summer",
            "../foto",
            "C:/photos",
            "photos/2024/summer",
            "~/foto",
            "my/photos.zip",
        ),
    ],
)
def test_what_looks_like_a_path_stays_here(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path if content == "photos/sumer" else tmp_path / "here")
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("asks for an address"))
    with pytest.raises(
        FileNotFoundError, match=r"content '.*' does not exist.*; expected a folder of pictures"
    ):
        check_content(content)


def test_a_near_name_is_offered(tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    with pytest.raises(FileNotFoundError, match=r"does not exist \(did you mean photographs\?\)"):
        check_content(str(tmp_path / "photograph"))


@pytest.mark.parametrize("opened", [open_source, open_stream])
def test_name_that_is_neither_here_nor_on_the_hub(opened: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert callable(opened)
    with pytest.raises(FileNotFoundError, match=r"'photos/summer' is neither .* \(HF_HUB_OFFLINE is set\)"):
        opened("photos/summer")


@pytest.mark.parametrize("opened", [open_source, open_stream])
def test_hub_data_set_with_a_program_is_explained(opened: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset_builder(*_: object, **__: object) -> object:
        raise RuntimeError("Dataset scripts are no longer supported, but found name.py")

    monkeypatch.setattr(datasets, "load_dataset_builder", load_dataset_builder)
    monkeypatch.setattr("allaprima.train.data.parquet_and_hub.hub_answers", lambda name: True)
    assert callable(opened)
    with pytest.raises(
        ValueError, match=r"content 'owner/name' cannot be loaded .* no longer supported.*parquet"
    ):
        opened("owner/name")


def test_hub_data_set_in_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"bytes": encoded(number), "path": None} for number in range(3)]
    table = datasets.Dataset.from_dict({"n": [0, 1, 2], "image": rows})
    table.cast_column("image", datasets.Image()).to_parquet(tmp_path / "a.parquet")

    def load_dataset_builder(path: str, name: str | None) -> object:
        assert (path, name) == ("owner/name", "small")
        return Parquet(data_files={"train": [str(tmp_path / "a.parquet")]}, hash="0")

    monkeypatch.setattr(datasets, "load_dataset_builder", load_dataset_builder)
    monkeypatch.setattr("allaprima.train.data.parquet_and_hub.hub_answers", lambda name: True)
    assert reds(open_source("owner/name:small")) == [0, 1, 2]
    assert streamed(open_stream("owner/name:small")) == [0, 1, 2]

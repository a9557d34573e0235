"""The cache of decoded pictures is complete or absent, up to date, and within its limit."""

import json
import os
import pickle
import shutil
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from allaprima.cache_dir import default_cache_dir
from allaprima.images.picture_files import PictureError
from allaprima.owned_folders import MARKER, mark_as_owned
from allaprima.train.data.batches import random_generator
from allaprima.train.data.cache_files import is_sound
from allaprima.train.data.crops import random_crop
from allaprima.train.data.decoded_cache import DecodedCache, build_cache, open_cache
from allaprima.train.data.decoder import Decoder
from allaprima.train.data.sources import PictureSource, open_source

ORIENTATION = 274


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        Image.new("RGB", (40 + number, 30), (number, 0, 0)).save(folder / f"{number}.png")
    return folder


PICTURES = "allaprima-pictures"


def caches(folder: Path) -> list[str]:
    return [path.name for path in (folder / PICTURES).iterdir() if not path.name.startswith("lock-")]


def opened(folder: Path, cache_dir: Path, side: int = 64) -> DecodedCache:
    source = open_source(str(folder))
    assert build_cache(source, cache_dir, side=side)
    cache = open_cache(source, cache_dir, side=side)
    assert cache is not None
    return cache


def test_pictures_keep_order_size_and_name(photos: Path, tmp_path: Path) -> None:
    cache = opened(photos, tmp_path / "cache")
    assert [cache[index].shape for index in range(len(cache))] == [
        (30, 40 + number, 3) for number in range(6)
    ]
    assert [int(cache[index][0, 0, 0]) for index in range(len(cache))] == list(range(6))
    assert cache.name(2) == "2.png"


def test_large_pictures_are_reduced_and_small_ones_never_enlarged(tmp_path: Path) -> None:
    for name, size in (("large", (300, 100)), ("tall", (100, 301)), ("small", (20, 10))):
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    cache = opened(tmp_path, tmp_path / "cache", side=50)
    assert [cache[index].shape for index in range(3)] == [(50, 150, 3), (10, 20, 3), (150, 50, 3)]


def test_crops_from_the_cache_are_those_of_the_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "a.png")
    cache = opened(tmp_path, tmp_path / "cache", side=128)
    for sample in range(8):
        crops = [
            random_crop(rgb, 64, 0.5, random_generator(0, sample, 0)).float()
            for rgb in (np.array(picture), cache[0])
        ]
        assert (crops[0] - crops[1]).abs().mean() < 5


def test_every_kind_of_picture_is_read_right(tmp_path: Path) -> None:
    sideways = Image.Exif()
    sideways[ORIENTATION] = 6
    Image.new("CMYK", (12, 8), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg", quality=100)
    Image.new("I;16", (12, 8), 0x8080).save(tmp_path / "deep.png")
    Image.new("L", (12, 8), 100).save(tmp_path / "grey.png")
    Image.new("P", (12, 8), 0).save(tmp_path / "palette.png")
    Image.new("RGB", (12, 8), (0, 0, 255)).save(tmp_path / "rotated.jpg", exif=sideways, quality=100)
    cache = opened(tmp_path, tmp_path / "cache")
    pictures = {cache.name(index): cache[index] for index in range(len(cache))}
    assert pictures["rotated.jpg"].shape == (12, 8, 3)
    assert pictures["cmyk.jpg"][4, 4, 0] > 180 > 90 > pictures["cmyk.jpg"][4, 4, 1]
    assert abs(int(pictures["deep.png"][0, 0, 1]) - 128) <= 1
    assert pictures["grey.png"][0, 0].tolist() == [100, 100, 100]
    assert pictures["palette.png"].shape == (8, 12, 3)


def test_broken_pictures_keep_their_number_and_are_named(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (photos / "1.png").write_bytes(b"")
    (photos / "text.jpg").write_text("not a picture")
    data = (photos / "3.png").read_bytes()
    (photos / "3.png").write_bytes(data[:50])
    cache = opened(photos, tmp_path / "cache")
    readable = [index for index in range(len(cache)) if index not in cache.broken]
    assert [cache.name(index) for index in readable] == ["0.png", "2.png", "4.png", "5.png"]
    assert [int(cache[index][0, 0, 0]) for index in readable] == [0, 2, 4, 5] == readable
    with pytest.raises(PictureError, match=r"content picture 3\.png could not be read"):
        cache[3]
    assert caplog.messages == ["skipping 3 broken of 7 content pictures: 1.png, 3.png, text.jpg"]


def test_many_broken_pictures_are_counted(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(13):
        (photos / f"broken{number:02}.jpg").touch()
    opened(photos, tmp_path / "cache")
    assert caplog.messages[0].startswith("skipping 13 broken of 19 content pictures: broken00.jpg, ")
    assert caplog.messages[0].endswith("broken09.jpg and 3 more")


def test_nothing_but_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ValueError, match=r"none of the 1 content pictures can be read, such as a\.jpg"):
        opened(tmp_path, tmp_path / "cache")
    assert caches(tmp_path / "cache") == []


def test_a_cache_is_built_once(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(photos, tmp_path / "cache")
    monkeypatch.delattr(Decoder, "__call__")
    assert len(opened(photos, tmp_path / "cache")) == 6


def test_a_cache_is_of_one_background(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGBA", (40, 30), (9, 9, 9, 0)).save(tmp_path / "photos" / "0.png")
    source = open_source(str(tmp_path / "photos"))
    levels = {"white": 255, "black": 0, "#070707": 7}
    for background in levels:
        assert open_cache(source, tmp_path / "cache", side=64, background=background) is None
        build_cache(source, tmp_path / "cache", side=64, decoder=Decoder(background))
    for background, level in levels.items():
        cache = open_cache(source, tmp_path / "cache", side=64, background=background)
        assert cache is not None
        assert cache[0][0, 0, 0] == level


@pytest.mark.parametrize("change", ["edit", "add", "remove", "side"])
def test_a_cache_follows_the_pictures(photos: Path, tmp_path: Path, change: str) -> None:
    opened(photos, tmp_path / "cache")
    match change:
        case "edit":
            Image.new("RGB", (40, 30), (99, 0, 0)).save(photos / "0.png")
        case "add":
            Image.new("RGB", (40, 30), (99, 0, 0)).save(photos / "00.png")
        case "remove":
            (photos / "0.png").unlink()
    source = open_source(str(photos))
    assert open_cache(source, tmp_path / "cache", side=32 if change == "side" else 64) is None
    expected = {"edit": 99, "add": 0, "remove": 1, "side": 0}[change]
    assert opened(photos, tmp_path / "cache")[0][0, 0, 0] == expected


def test_an_interrupted_build_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    source = open_source(str(photos))
    with pytest.raises(KeyboardInterrupt):
        build_cache(source, tmp_path / "cache", side=64, progress=interrupt)
    assert caches(tmp_path / "cache") == []
    assert open_cache(source, tmp_path / "cache", side=64) is None
    assert len(opened(photos, tmp_path / "cache")) == 6


def test_what_a_killed_build_left_is_cleared_away_later(photos: Path, tmp_path: Path) -> None:
    for name, age in (("dead.part", 7200.0), ("alive.part", 0.0)):
        part = tmp_path / "cache" / PICTURES / name
        part.mkdir(parents=True)
        (part / "pixels.bin").write_bytes(b"half of it")
        mark_as_owned(part)
        for path in (part / "pixels.bin", part):
            os.utime(path, (time.time() - age, time.time() - age))
    opened(photos, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache" / PICTURES).glob("*.part")] == ["alive.part"]


@pytest.mark.parametrize("below", ["", PICTURES])
def test_what_others_made_is_never_deleted(photos: Path, tmp_path: Path, below: str) -> None:
    """Whatever its name; and a file where a folder might be disturbs nothing."""
    home = tmp_path / "mine" / below
    names = ("film.part", "pictures-of-2019-holidays", "pictures-v2-0123-64", "pictures-a-b")
    for name in names:
        (home / name / "deep").mkdir(parents=True)
        (home / name / "pixels.bin").write_bytes(b"x" * 50_000)
    for name in ("stray.part", "pictures-1-2", "lock-pictures"):
        (home / name).write_text("a file")
    before = sorted((tmp_path / "mine").rglob("*"))
    for path in before:
        past = time.time() - 100 * 3600
        os.utime(path, (past, past))
    source = open_source(str(photos))
    assert build_cache(source, tmp_path / "mine", side=64, limit_bytes=25_000)
    assert set(before) <= set((tmp_path / "mine").rglob("*"))
    assert open_cache(source, tmp_path / "mine", side=64) is not None


def test_of_several_builds_at_a_time_one_works_and_the_others_wait(photos: Path, tmp_path: Path) -> None:
    calls: list[int] = []

    def build(_: int) -> bool:
        def slow(done: int, total: int) -> None:
            calls.append(done)
            time.sleep(0.01)

        return build_cache(open_source(str(photos)), tmp_path / "cache", side=64, progress=slow)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(build, range(4)))
    assert calls == [1, 2, 3, 4, 5, 6]
    assert len(caches(tmp_path / "cache")) == 1
    assert len(opened(photos, tmp_path / "cache")) == 6


def test_without_locks_the_first_that_is_ready_wins(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)

    def build_another(done: int, total: int) -> None:
        if done == 3:
            assert build_cache(open_source(str(photos)), tmp_path / "cache", side=64)

    assert build_cache(open_source(str(photos)), tmp_path / "cache", side=64, progress=build_another)
    assert len(caches(tmp_path / "cache")) == 1
    assert len(opened(photos, tmp_path / "cache")) == 6


@pytest.mark.parametrize("failing", ["mkdir", "mkdtemp", "write"])
def test_a_cache_that_cannot_be_written_is_done_without(
    photos: Path,
    tmp_path: Path,
    failing: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    target = {"mkdir": "pathlib.Path.mkdir", "mkdtemp": "tempfile.mkdtemp", "write": "json.dumps"}[failing]
    monkeypatch.setattr(target, refuse)
    source = open_source(str(photos))
    assert not build_cache(source, tmp_path / "cache", side=64)
    assert caplog.messages == [
        f"pictures are decoded on the fly: no cache can be made in '{tmp_path / 'cache'}': "
        "No space left on device"
    ]
    assert open_cache(source, tmp_path / "cache", side=64) is None


def test_a_cache_of_somebody_else_can_be_used(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(photos, tmp_path / "cache")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert len(opened(photos, tmp_path / "cache")) == 6


def test_progress_counts_to_the_end(photos: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    build_cache(
        open_source(str(photos)), tmp_path, side=64, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(number, 6) for number in range(1, 7)]


def test_a_cache_over_the_limit_is_not_built(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = open_source(str(photos))
    with caplog.at_level("INFO"):
        assert not build_cache(source, tmp_path / "cache", side=64, limit_bytes=20_000)
    assert "decoded on the fly" in caplog.text
    assert open_cache(source, tmp_path / "cache", side=64) is None


def test_half_of_the_free_disk_is_a_limit(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=40_000))
    assert not build_cache(open_source(str(photos)), tmp_path / "cache", side=64)


@pytest.mark.parametrize(("hours", "kept"), [(1, True), (48, False)])
def test_caches_that_nobody_uses_make_room(photos: Path, tmp_path: Path, hours: int, kept: bool) -> None:
    old = opened(photos, tmp_path / "cache").folder
    used = time.time() - hours * 3600
    os.utime(old, (used, used))
    (photos / "0.png").unlink()
    source: PictureSource = open_source(str(photos))
    assert build_cache(source, tmp_path / "cache", side=64, limit_bytes=25_000)
    assert old.is_dir() == kept


def test_a_cache_travels_as_a_path(photos: Path, tmp_path: Path) -> None:
    cache = opened(photos, tmp_path / "cache")
    data = pickle.dumps(cache)
    assert len(data) < 1000
    assert np.array_equal(pickle.loads(data)[5], cache[5])


def test_default_cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLAPRIMA_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert default_cache_dir() == tmp_path / "allaprima"
    monkeypatch.setenv("ALLAPRIMA_CACHE", str(tmp_path / "own"))
    assert default_cache_dir() == tmp_path / "own"


def zeroed(folder: Path) -> None:
    size = (folder / "pixels.bin").stat().st_size
    (folder / "pixels.bin").write_bytes(bytes(size))


def cut(folder: Path) -> None:
    (folder / "pixels.bin").write_bytes((folder / "pixels.bin").read_bytes()[:-100])


def grown(folder: Path) -> None:
    (folder / "pixels.bin").write_bytes((folder / "pixels.bin").read_bytes() + b"more")


def other_index(folder: Path, **changes: Any) -> None:
    index = json.loads((folder / "index.json").read_text())
    text = json.dumps({**json.loads(index["index"]), **changes})
    index |= {"index": text, "crc32": zlib.crc32(text.encode())}
    (folder / "index.json").write_text(json.dumps(index))


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def linked(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "zeroed pixels": zeroed,
    "cut pixels": cut,
    "more pixels": grown,
    "no pixels": lambda folder: (folder / "pixels.bin").unlink(),
    "empty pixels": lambda folder: (folder / "pixels.bin").write_bytes(b""),
    "no index": lambda folder: (folder / "index.json").unlink(),
    "cut index": lambda folder: (folder / "index.json").write_bytes(
        (folder / "index.json").read_bytes()[:-9]
    ),
    "an index that is no object": lambda folder: (folder / "index.json").write_text("[1, 2]"),
    "an index of nested lists": lambda folder: (folder / "index.json").write_text("[" * 9999),
    "other shapes": lambda folder: other_index(folder, shapes=[[1, 1]] * 6),
    "other names": lambda folder: other_index(folder, names=["a"]),
    "names that are no text": lambda folder: other_index(folder, names=[7] * 6),
    "sizes below zero": lambda folder: other_index(folder, shapes=[[-30, -w] for w in range(40, 46)]),
    "sizes that are no numbers": lambda folder: other_index(folder, shapes=[["a", None]] * 6),
    "sizes of three numbers": lambda folder: other_index(folder, shapes=[[30, 40, 3]] * 6),
    "broken pictures that are not there": lambda folder: other_index(folder, broken=[99]),
    "immense sizes": lambda folder: other_index(folder, shapes=[[10**30, 40]] * 6),
    "a checksum of 9999 digits": lambda folder: (folder / "index.json").write_text(
        f'{{"index": "", "crc32": {"9" * 9999}}}'
    ),
    "an index with holes of a terabyte": lambda folder: os.truncate(folder / "index.json", 1 << 40),
    "a pipe as index": lambda folder: piped(folder / "index.json"),
    "a pipe as pixels": lambda folder: piped(folder / "pixels.bin"),
    "a device as index": lambda folder: linked(folder / "index.json", "/dev/zero"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_made_again(
    damage: str, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = opened(photos, tmp_path / "cache")
    expected = [cache[index].copy() for index in range(6)]
    DAMAGE[damage](cache.folder)
    assert open_cache(open_source(str(photos)), tmp_path / "cache", side=64) is None
    again = opened(photos, tmp_path / "cache")
    assert all(np.array_equal(expected[index], again[index]) for index in range(6))
    message = f"the cache of decoded pictures '{cache.folder}' was damaged: it is made again"
    assert caplog.messages == [message]


@pytest.mark.parametrize("kind", ["unmarked", "with files of others", "a file"])
def test_what_is_not_ours_is_passed_over(
    kind: str, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = opened(photos, tmp_path / "cache").folder
    zeroed(folder)
    match kind:
        case "unmarked":
            (folder / MARKER).unlink()
        case "with files of others":
            (folder / "notes.txt").write_text("mine")
        case "a file":
            shutil.rmtree(folder)
            folder.write_text("mine")
    source = open_source(str(photos))
    assert not build_cache(source, tmp_path / "cache", side=64)
    assert open_cache(source, tmp_path / "cache", side=64) is None
    assert f"the cache '{folder}' is damaged or another user's" in caplog.text
    assert folder.exists()


def test_a_whole_cache_is_read_through_once(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(photos, tmp_path / "cache")
    opened(photos, tmp_path / "cache")
    monkeypatch.delattr("allaprima.train.data.cache_files.read_index")
    assert is_sound(opened_folder(tmp_path))


def opened_folder(tmp_path: Path) -> Path:
    return next((tmp_path / "cache").glob("*/pictures-*"))

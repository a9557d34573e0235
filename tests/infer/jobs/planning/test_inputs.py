"""What a user may name."""

import io
import os
from codecs import BOM_UTF8
from pathlib import Path

import pytest

from allaprima.infer.jobs.planning.inputs import expand_inputs


def test_lists_patterns_and_names_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [b"a b.png", b"\xff\xfe.png", "\u00e4\n.png".encode()]
    Path("list.txt").write_bytes(b"\n".join(names[:2]) + b"\n")
    assert expand_inputs(["@list.txt"]) == [Path(os.fsdecode(name)) for name in names[:2]]
    Path("marked.txt").write_bytes(BOM_UTF8 + b"a b.png\r\n")
    assert expand_inputs(["@marked.txt"]) == [Path("a b.png")]
    stdin = io.BytesIO(b"\0".join(names) + b"\0")
    inputs = expand_inputs(["-"], null_separated=True, stdin=stdin)
    assert inputs == [Path(os.fsdecode(name)) for name in names]
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("b.jpg", "sub/deep/c.jpg", "x[1].jpg", "@odd"):
        (tmp_path / name).touch()
    assert expand_inputs(["**/*.jpg"]) == [Path(n) for n in ("b.jpg", "sub/deep/c.jpg", "x[1].jpg")]
    assert expand_inputs(["x[1].jpg", "@odd"]) == [Path("x[1].jpg"), Path("@odd")]
    with pytest.raises(ValueError, match="matches nothing"):
        expand_inputs(["*.tif"])
    with pytest.raises(ValueError, match="no names in standard input"):
        expand_inputs(["-"], stdin=io.BytesIO(b"\n\n"))
    with pytest.raises(FileNotFoundError):
        expand_inputs(["@missing.txt"])

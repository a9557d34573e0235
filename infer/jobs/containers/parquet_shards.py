"""Parquet files with a column of pictures: a file in, a file out, with a column more."""

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from allaprima.images.picture_files import Picture, PictureError, encode_picture, read_picture
from allaprima.infer.jobs.pipeline.outcome import Outcome, outcome_of
from allaprima.infer.jobs.pipeline.run_pipeline import Work, run_pipeline
from allaprima.infer.jobs.pipeline.stylize_stream import PictureStylizer
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.storage.local_copies import local_copy, written_whole
from allaprima.infer.jobs.storage.url import Location

COLUMN = "stylized"
"""Of the stylised pictures."""

ROWS = 32
"""That are held in memory, and written together, unless they are large."""

LARGEST_ROW = 1 << 28
"""Bytes; a few kilobytes of a file may claim any number."""
_USUAL_NAMES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png")
_PICTURES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class _Row(NamedTuple):
    number: int
    data: bytes | None


def stylize_parquet(
    stylizer: PictureStylizer, job: Job, *, suffix: str | None, quality: int, max_pixels: int
) -> Iterator[Outcome]:
    """Paint the pictures of a parquet file, and yield what became of each row.

    The result has every column and row of the file, what the Hugging Face library says of its features,
    and the column `stylized`, empty where a picture failed. It is there whole or not at all.

    Args:
        stylizer: What stylises.
        job: The two files.
        suffix: Format of the results; None takes JPEG.
        quality: As for `write_picture`.
        max_pixels: As for `read_picture`.

    Raises:
        OSError: If a file cannot be read or written, or the disk is full.
        ValueError: If the file is damaged, or has no column of pictures.
    """
    name = Path(f"picture{suffix or '.jpg'}")

    def read(row: _Row) -> Picture:
        if row.data is None:
            raise PictureError("the row has no picture")
        return read_picture(row.data, max_pixels=max_pixels)

    def write(_: _Row, picture: Picture) -> bytes:
        return encode_picture(picture, name, quality=quality)

    try:
        with (
            local_copy(job.source) as source,
            parquet.ParquetFile(source) as file,
            written_whole(job.target) as temporary,
        ):
            column = _picture_column(job.source, file.schema_arrow)
            schema = _with_column(file.schema_arrow)
            tables: deque[Any] = deque()
            ready: list[Any] = []
            with parquet.ParquetWriter(temporary, schema) as out:
                work = Work[_Row, bytes](read, write, lambda row, _: b"")
                for done in run_pipeline(_rows(file, column, tables), work, stylizer):
                    painted = None if isinstance(done.result, Exception) else done.result
                    ready.append(_extended(tables.popleft(), painted, schema))
                    if len(ready) == ROWS or sum(table.nbytes for table in ready) > LARGEST_ROW:
                        out.write_table(pa.concat_tables(ready))
                        ready.clear()
                    row = f"row-{done.item.number}"
                    yield outcome_of(Job(job.source / row, job.target / row), done)
                if ready:
                    out.write_table(pa.concat_tables(ready))
    except pa.ArrowException as error:
        raise ValueError(f"'{job.source}' is no parquet file, or damaged: {error}") from error


def named_pictures_schema() -> Any:
    """Return the columns of a file for pictures that come from elsewhere: `name` and `stylized`."""
    features = {"name": {"dtype": "string", "_type": "Value"}, COLUMN: {"_type": "Image"}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    return pa.schema([("name", pa.string()), (COLUMN, _PICTURES)], metadata)


def _rows(file: Any, column: str, tables: deque[Any]) -> Iterator[_Row]:
    """Yield rows, read one at a time: one large value may stand in all of them without taking room."""
    rows = (pa.table(batch) for batch in file.iter_batches(batch_size=1) if len(batch))
    for number, row in enumerate(rows):
        if row.nbytes > LARGEST_ROW:
            raise ValueError(f"row {number} has {row.nbytes} bytes, more than {LARGEST_ROW}")
        tables.append(row)
        cell = row.column(column)[0].as_py()
        yield _Row(number, cell["bytes"] if isinstance(cell, dict) else cell)


def _extended(row: Any, painted: bytes | None, schema: Any) -> Any:
    value = None if painted is None else {"bytes": painted, "path": None}
    return row.append_column(COLUMN, pa.array([value], _PICTURES)).cast(schema)


def _picture_column(source: Location, schema: Any) -> str:
    """Return the column that the Hugging Face library calls an image, or one that can be nothing else."""
    features = _features(schema)
    named = [name for name, feature in features.items() if feature.get("_type") == "Image"]
    structs = [
        field.name
        for field in schema
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
    ]
    binary = [field.name for field in schema if pa.types.is_binary(field.type) and field.name in _USUAL_NAMES]
    for column in (*named, *structs, *binary):
        if column != COLUMN:
            return str(column)
    raise ValueError(
        f"'{source}' has no column of pictures; its columns are {', '.join(schema.names)}, and one would be "
        "an image of the Hugging Face library, a struct with bytes, or bytes called "
        f"{', '.join(_USUAL_NAMES)}"
    )


def _features(schema: Any) -> dict[str, Any]:
    text = (schema.metadata or {}).get(b"huggingface")
    return json.loads(text).get("info", {}).get("features", {}) if text else {}


def _with_column(schema: Any) -> Any:
    if COLUMN in schema.names:
        raise ValueError(f"the file has a column '{COLUMN}' already")
    extended = schema.append(pa.field(COLUMN, _PICTURES))
    metadata = dict(schema.metadata or {})
    if b"huggingface" in metadata:
        description = json.loads(metadata[b"huggingface"])
        description.setdefault("info", {}).setdefault("features", {})[COLUMN] = {"_type": "Image"}
        metadata[b"huggingface"] = json.dumps(description).encode()
    return extended.with_metadata(metadata)

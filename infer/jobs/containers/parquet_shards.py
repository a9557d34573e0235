"""Parquet files with a column of pictures: a file in, a file out, with a column more."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from allaprima.bounded_parquet import open_parquet_file, parquet_rows
from allaprima.images.picture_files import Picture, PictureError, encode_picture, read_picture
from allaprima.infer.jobs.pipeline.outcome import NothingPaintedError, Outcome, outcome_of
from allaprima.infer.jobs.pipeline.run_pipeline import Work, run_pipeline
from allaprima.infer.jobs.pipeline.stylize_stream import PictureStylizer
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.storage.local_copies import local_copy, written_whole
from allaprima.infer.jobs.storage.url import Location

COLUMN = "stylized"
"""Of the stylised pictures."""

ROWS = 32
"""That are held in memory, and written together, unless they are large."""

ROW_BYTES = 1 << 26
"""Of rows that are written together."""

LARGEST_ROW = 1 << 28
"""Bytes; a few kilobytes of a file may claim any number."""
_USUAL_NAMES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png")
_PICTURES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class _Row(NamedTuple):
    number: int
    table: Any


def stylize_parquet(
    stylizer: PictureStylizer, job: Job, *, suffix: str | None, quality: int, max_pixels: int
) -> Iterator[Outcome]:
    """Paint the pictures of a parquet file, and yield what became of each row.

    The result has every column and row of the file, what the Hugging Face library says of its features,
    and the column `stylized`, empty where a picture failed. It is there whole or not at all, and not if all
    of them fail.

    Args:
        stylizer: What stylises.
        job: The two files.
        suffix: Format of the results; None takes JPEG.
        quality: As for `write_picture`.
        max_pixels: As for `read_picture`.

    Raises:
        OSError: If a file cannot be read or written, or the disk is full.
        ValueError: If the file is damaged, or has no column of pictures.
        NothingPaintedError: If all pictures failed.
    """
    name = Path(f"picture{suffix or '.jpg'}")

    def write(_: _Row, picture: Picture) -> bytes:
        return encode_picture(picture, name, quality=quality)

    try:
        with (
            local_copy(job.source) as source,
            open_parquet_file(source) as file,
            written_whole(job.target) as temporary,
        ):
            column = _picture_column(job.source, file.schema_arrow)
            schema = _with_column(file.schema_arrow)
            ready: list[Any] = []

            def read(row: _Row) -> Picture:
                return read_picture(_contents(row.table, column), max_pixels=max_pixels)

            statistics: Any = _orderly_columns(file)
            with parquet.ParquetWriter(temporary, schema, write_statistics=statistics) as out:
                statuses: set[str] = set()
                work = Work[_Row, bytes](read, write, lambda row, _: b"", lambda row: int(row.table.nbytes))
                for done in run_pipeline(_rows(file), work, stylizer):
                    painted = None if isinstance(done.result, Exception) else done.result
                    ready.append(_extended(done.item.table, painted, schema))
                    if len(ready) == ROWS or sum(table.nbytes for table in ready) > ROW_BYTES:
                        out.write_table(pa.concat_tables(ready))
                        ready.clear()
                    row = f"row-{done.item.number}"
                    outcome = outcome_of(Job(job.source / row, job.target / row), done)
                    statuses.add(outcome.status)
                    yield outcome
                if statuses == {"failed"}:
                    raise NothingPaintedError
                if ready:
                    out.write_table(pa.concat_tables(ready))
    except pa.ArrowException as error:
        raise ValueError(f"'{job.source}' is no parquet file, or damaged: {error}") from error


def named_pictures_schema() -> Any:
    """Return the columns of a file for pictures that come from elsewhere: `name` and `stylized`."""
    features = {"name": {"dtype": "string", "_type": "Value"}, COLUMN: {"_type": "Image"}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    return pa.schema([("name", pa.string()), (COLUMN, _PICTURES)], metadata)


def _rows(file: Any) -> Iterator[_Row]:
    for number, table in enumerate(parquet_rows(file)):
        if table.nbytes > LARGEST_ROW:
            raise ValueError(f"row {number} has {table.nbytes} bytes, more than {LARGEST_ROW}")
        yield _Row(number, table)


def _orderly_columns(file: Any) -> list[str]:
    """Return the columns whose least and greatest value may be of use: of pictures they are large copies."""
    is_bytes = ("BYTE_ARRAY", "NONE")
    columns = (file.schema.column(index) for index in range(len(file.schema)))
    return [column.path for column in columns if (column.physical_type, column.logical_type.type) != is_bytes]


def _contents(row: Any, column: str) -> bytes:
    cell = row.column(column)[0].as_py()
    contents: bytes | None = cell["bytes"] if isinstance(cell, dict) else cell
    if contents is None:
        raise PictureError("the row has no picture")
    return contents


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

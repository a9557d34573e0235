"""Pictures in parquet files and in data sets of the Hugging Face hub."""

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import datasets
import datasets.config
import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
from datasets.exceptions import DatasetsError
from datasets.io.parquet import ParquetDatasetReader

from .bounded_tables import load_table
from .file_and_url_references import Followed, follow
from .file_fingerprint import fingerprint_files
from .hub import hub_answers
from .undecoded_picture import NoPicture, within_bounds


@dataclass(frozen=True)
class TableSource:
    """Pictures in one column of a data set in the Arrow format."""

    table: datasets.Dataset
    column: str
    followed: Followed

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Path | bytes | NoPicture:
        """Return one picture."""
        return _payload(self.table[index][self.column], self.followed)

    def name(self, index: int) -> str:
        """Return the row, and its file name if it has one."""
        return _name(index, self.table[index][self.column], self.followed)

    def fingerprint(self) -> str:
        """Return the hash that `datasets` gave to the data and its column."""
        return f"{self.table._fingerprint}{len(self.table):x}{'f' if self.followed.all else ''}"


@dataclass(frozen=True)
class TableStream:
    """Pictures in one column of a data set that is read as it comes."""

    table: datasets.IterableDataset
    column: str
    origin: str
    """A hash of the files, or the name on the hub."""
    followed: Followed

    def __iter__(self) -> Iterator[tuple[str, Path | bytes | NoPicture]]:
        """Yield names and undecoded pictures."""
        # Not iter(self.table): inside a DataLoader worker that gives each worker other rows.
        # One at a time, for each may be large.
        for row, batch in enumerate(self.table.iter(batch_size=1)):
            value = batch[self.column][0]
            yield _name(row, value, self.followed), _payload(value, self.followed)

    def fingerprint(self) -> str:
        """Return a hash of the files (on the hub, of their name) and of the column."""
        return fingerprint_files([], [self.origin, self.column])


def open_parquet(files: Sequence[Path], image_column: str | None, followed: Followed) -> TableSource:
    """Open parquet files for access in any order, by way of a copy in the cache of `datasets`.

    Raises:
        ValueError: If no column holds pictures, there are no rows, or a file is damaged.
    """
    return TableSource(*_read_parquet(files, image_column, streaming=False), followed)


def stream_parquet(files: Sequence[Path], image_column: str | None, followed: Followed) -> TableStream:
    """Open parquet files to be read from first to last.

    Raises:
        ValueError: If no column holds pictures, there are no rows, or a file is damaged.
    """
    table, column = _read_parquet(files, image_column, streaming=True)
    return TableStream(table, column, fingerprint_files(files, []), followed)


def open_hub(name: str, image_column: str | None, followed: Followed) -> TableSource:
    """Download a data set from the hub (its split `train`) and open it for access in any order.

    Args:
        name: `owner/name`, or `owner/name:config` where a data set has several configurations.
        image_column: Which column holds the pictures; found by itself if None.
        followed: Which references in its rows are followed.

    Raises:
        FileNotFoundError: If the hub has no such data set or does not answer.
        ValueError: If no column holds pictures, there are no rows, or loading it takes a program of its own.
    """
    table = _load_hub(name, streaming=False)
    column = find_image_column(table.features, image_column, f"'{name}'")
    if not len(table):
        raise ValueError(f"no pictures in '{name}'; it has no rows")
    return TableSource(_undecoded(table, column), column, followed)


def stream_hub(name: str, image_column: str | None, followed: Followed) -> TableStream:
    """Open a data set on the hub (its split `train`) to be read from first to last.

    Args:
        name: As for `open_hub`.
        image_column: As for `open_hub`.
        followed: As for `open_hub`.

    Raises:
        FileNotFoundError: If the hub has no such data set or does not answer.
        ValueError: If no column holds pictures, or loading it takes a program of its own.
    """
    table = _load_hub(name, streaming=True)
    column = find_image_column(table.features or {}, image_column, f"'{name}'")
    return TableStream(_undecoded(table, column), column, name, followed)


def find_image_column(features: dict[str, Any], wanted: str | None, where: str) -> str:
    """Return the column that holds pictures.

    The first that is declared as pictures is taken, else the first with a field `bytes`, else
    the first of binary data.

    Args:
        features: The columns and their types, as `datasets` has them.
        wanted: The column that the user named, if any.
        where: What a message should call the data.

    Raises:
        ValueError: If there is none, or not the one that is wanted.
    """
    has = f"{where} has the columns {', '.join(features) or '(unknown)'}"
    if wanted is not None:
        if features and wanted not in features:
            raise ValueError(f"image_column '{wanted}' does not exist; {has}")
        return wanted
    for is_picture in (_is_declared, _has_bytes, _is_binary):
        for column, feature in features.items():
            if is_picture(feature):
                return column
    raise ValueError(f"no column holds pictures; {has}; name one with image_column")


def _is_declared(feature: Any) -> bool:
    return isinstance(feature, datasets.Image)


def _has_bytes(feature: Any) -> bool:
    return isinstance(feature, dict) and "bytes" in feature


def _is_binary(feature: Any) -> bool:
    return isinstance(feature, datasets.Value) and feature.dtype in ("binary", "large_binary")


def _read_parquet(files: Sequence[Path], wanted: str | None, *, streaming: bool) -> tuple[Any, str]:
    footers = [_footer(path) for path in files]
    features = datasets.Features.from_arrow_schema(footers[-1].schema.to_arrow_schema())
    column = find_image_column(features, wanted, f"'{files[-1].name}'")
    # datasets refuses empty files
    filled: list[Any] = [
        glob.escape(str(path)) for path, footer in zip(files, footers, strict=True) if footer.num_rows
    ]
    if not filled:
        raise ValueError(f"no pictures in '{files[-1].name}'; it has no rows")
    with _readable_errors(files), _quiet():
        # Not load_dataset("parquet"): that counts its uses over the network.
        reader = ParquetDatasetReader(filled, columns=[column])
        table = load_table(reader.builder, streaming=streaming)
    return _undecoded(table, column), column


def _footer(path: Path) -> pq.FileMetaData:
    with _readable_errors([path]):
        return pq.read_metadata(path)


def check_hub(name: str) -> None:
    """Raise what `open_hub` would if neither the hub nor the cache of `datasets` has a data set.

    Raises:
        FileNotFoundError: If it is not there, or the hub does not answer and it was not loaded before.
    """
    if offline := _reason_to_stay_offline(name):
        path, _, config = name.partition(":")
        with _explained(name, offline), _from_its_cache():
            datasets.load_dataset_builder(path, config or None)


def _load_hub(name: str, *, streaming: bool) -> Any:
    path, _, config = name.partition(":")
    offline = _reason_to_stay_offline(name)
    with _explained(name, offline), _from_its_cache() if offline else nullcontext():
        return load_table(datasets.load_dataset_builder(path, config or None), streaming=streaming)


def _reason_to_stay_offline(name: str) -> str:
    """Return why the hub is not asked for a data set, or nothing if it has it."""
    if datasets.config.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    return "" if hub_answers(name) else "it does not answer"


@contextmanager
def _explained(name: str, offline: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, DatasetsError) as error:
        raise FileNotFoundError(
            f"content '{name}' is neither a folder or file here nor a data set that the Hugging Face hub can"
            f" give{f' ({offline})' if offline else ''}: {error}"
        ) from error
    except RuntimeError as error:  # the data set comes with a program that `datasets` no longer runs
        raise ValueError(
            f"content '{name}' cannot be loaded from the Hugging Face hub: {error}; take a data set of"
            " parquet or tar files, or unpack its pictures into a folder"
        ) from error


@contextmanager
def _from_its_cache() -> Iterator[None]:
    """Keep `datasets` from asking a hub that does not answer, again and again, for half a minute."""
    before = (datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE)
    datasets.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE = before


def _undecoded(table: Any, column: str) -> Any:
    """Keep `datasets` from decoding, so that a broken picture is ours to skip."""
    table = table.select_columns([column])
    declared = (table.features or {}).get(column)
    return table.cast_column(column, datasets.Image(decode=False)) if _is_declared(declared) else table


def _payload(value: Any, followed: Followed) -> Path | bytes | NoPicture:
    content = value.get("bytes") if isinstance(value, dict) else value
    reference = _reference(value)
    if reference is None:
        return within_bounds(cast(bytes, content or b""))
    return follow(reference) if reference in followed else NoPicture(f"it is only named: '{reference}'")


def _name(row: int, value: Any, followed: Followed) -> str:
    path = value.get("path") if isinstance(value, dict) else None
    reference = _reference(value)
    if reference is not None and reference not in followed:
        return f"row {row} (only names '{reference}', which --follow-references would read)"
    return f"row {row} ({path})" if path else f"row {row}"


def _reference(value: Any) -> str | None:
    """Return what a row names instead of holding it."""
    if isinstance(value, dict) and value.get("bytes") is None and value.get("path"):
        return str(value["path"])
    return None


@contextmanager
def _readable_errors(files: Sequence[Path]) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, DatasetsError) as error:
        names = ", ".join(f"'{path.name}'" for path in files[:3])
        raise ValueError(f"{names} cannot be read as parquet: {error.__cause__ or error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the progress bars of `datasets` for the moment."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()

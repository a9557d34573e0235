"""Files and folders of pictures: which are stylised, and where the results go."""

import os
from collections.abc import Callable, Sequence

from allaprima.images.folders import files_below, is_called_picture, others_than_pictures, say_passed_over
from allaprima.images.picture_files import WRITABLE_SUFFIXES, picture_suffixes
from allaprima.infer.jobs.storage.url import Location, Url, path_below, real_location

from .job import Job
from .targets import (
    check_folder,
    check_format,
    check_targets,
    is_collection,
    with_distinct_targets,
    writable_suffix,
)


def plan_jobs(
    inputs: Sequence[Location],
    output: Location,
    *,
    suffix: str | None = None,
    into_folder: bool = False,
    on_passed_over: Callable[[int], None] = lambda count: None,
) -> list[Job]:
    """Return what to read and where to write it, in a stable order.

    Folders are searched recursively for pictures, also behind links, without hidden files and
    without `output` itself; a file named outright is always tried. A lone file goes to `output`,
    which is a file if it has a suffix and a folder otherwise. Several inputs go into the folder
    `output`, or into the tar or parquet file of that name: files by their names, folders as trees (under
    their own name if there is more than one input). Results keep the suffix of their source where it can be
    written.

    Args:
        inputs: Files and folders.
        output: A file or a folder.
        suffix: Format of all results, for example `.png`.
        into_folder: Whether `output` is a folder whatever it is called.
        on_passed_over: Told of each folder how many files in it are not called pictures.

    Raises:
        ValueError: If there is nothing to do, `output` does not suit the inputs, two results would
            have one name, or a result would replace an input.
    """
    if suffix is not None and suffix not in WRITABLE_SUFFIXES:
        raise ValueError(f"unknown format '{suffix}'; expected one of {', '.join(WRITABLE_SUFFIXES)}")
    into_folder = into_folder or output.is_dir()
    if is_collection(output, into_folder=into_folder):
        jobs = _jobs_for_folder(inputs, output, suffix, on_passed_over)
    elif len(inputs) == 1 and not inputs[0].is_dir() and output.suffix and not into_folder:
        jobs = [_job_for_file(inputs[0], output, suffix)]
    else:
        check_folder(output, into_folder=into_folder)
        jobs = _jobs_for_folder(inputs, output, suffix, on_passed_over)
    check_targets(jobs)
    return jobs


def _job_for_file(source: Location, output: Location, suffix: str | None) -> Job:
    if output.suffix.lower() not in WRITABLE_SUFFIXES:
        raise ValueError(
            f"output '{output}' is of an unknown format; expected one of {', '.join(WRITABLE_SUFFIXES)}, or "
            f"of a folder a slash at its end: '{output}{os.sep}'"
        )
    check_format(output, suffix)
    return Job(source, output)


def _jobs_for_folder(
    inputs: Sequence[Location], output: Location, suffix: str | None, on_passed_over: Callable[[int], None]
) -> list[Job]:
    jobs: dict[Location, Job] = {}
    for item in inputs:
        tree = item.is_dir()
        folder = output / real_location(item).name if tree and len(inputs) > 1 else output
        for source in _pictures_in(item, output, on_passed_over) if tree else [item]:
            target = folder / (path_below(source, item) if tree else source.name)
            where = real_location(source.parent) / source.name
            writable = target.with_suffix(writable_suffix(target.suffix, suffix))
            jobs.setdefault(where, Job(source, writable))
    if not jobs:
        folders = ", ".join(f"'{item}'" for item in inputs)
        raise ValueError(f"no pictures in {folders}; looked for {', '.join(sorted(picture_suffixes()))}")
    return with_distinct_targets(list(jobs.values()))


def _pictures_in(
    folder: Location, output: Location, on_passed_over: Callable[[int], None]
) -> Sequence[Location]:
    files = _files_in(folder, output)
    others = others_than_pictures(files)
    say_passed_over(str(folder), others)
    on_passed_over(len(others))
    return [file for file in files if is_called_picture(file)]


def _files_in(folder: Location, output: Location) -> Sequence[Location]:
    if isinstance(folder, Url):
        return [url for url in folder.files_below() if output not in url.parents]
    results = real_location(output)
    inside = real_location(folder) in results.parents
    return [path for path in files_below(folder) if not (inside and results in real_location(path).parents)]

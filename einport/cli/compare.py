"""The command `einport compare`: one operation on several frameworks, side by side."""

from __future__ import annotations

import io
import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np

from ..catalog import entry
from ..comparison.asking import MOST_VALUES, asked_case
from ..comparison.running import Comparison, compare
from ..files import NotRead, read_regular
from ..views.comparison_html import page
from ..views.comparison_terminal import show
from ..views.documents import comparison_document
from ..views.terminal import harmless, progress_console
from ._shared import CONTEXT, FilePath, check_new, select_backends, write

_LARGEST_FILE = MOST_VALUES * 8 + 65536
"""Bytes that a file of arrays may have: the values, and what stands before them."""

_LONGEST_REASON = 200

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""How to read what stands before the values, by the format's version; 3.0 is for fields alone."""


@click.command("compare", context_settings=CONTEXT)
@click.option(
    "--backend",
    "backends",
    multiple=True,
    metavar="NAME",
    help="Run on this framework; repeat it, or part names by commas. Default: all installed.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=FilePath(),
    metavar="FILE.npy",
    help="Call it with the array in this file; repeat it for each array argument, in their order.",
)
@click.option(
    "--shape",
    metavar="SIZES",
    help='Sizes of axes by the names in the docstring, such as "b=2 c=8 h=4 w=4".',
)
@click.option("--no-time", is_flag=True, help="Do not measure how long the calls take.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option(
    "--html",
    "file",
    type=FilePath(),
    metavar="FILE",
    help="Write it as a page of its own to a new FILE.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it is there.")
@click.argument("op", metavar="OPERATION")
def command(
    op: str,
    backends: tuple[str, ...],
    inputs: tuple[Path, ...],
    shape: str | None,
    no_time: bool,
    as_json: bool,
    file: Path | None,
    force: bool,
) -> None:
    """Show an operation side by side: definition, native idioms, and what each gives now.

    The exit status is 1 when results differ by more than the operation promises.

    \b
    Examples:
      einport compare pixel_shuffle
      einport compare softmax --backend torch,jax
      einport compare pixel_shuffle --shape "b=1 c=3 h=8 w=8"
      einport compare matrix_multiply --input a.npy --input b.npy
      einport compare moe_layer --html moe.html
    """
    if file is not None:
        check_new(file, force)
    found = _compared(op, backends, inputs, shape, not no_time)
    if file is not None:
        write(file, page(found).encode("utf-8", "backslashreplace"), force)
        click.echo(f"wrote {file}", err=as_json)
    if as_json:
        click.echo(json.dumps(comparison_document(found), indent=2, allow_nan=False))
    elif file is None:
        show(found)
    else:
        click.echo("\n".join([found.verdict, *found.problems]))
    if not found.agrees:
        sys.exit(1)


def _compared(
    op: str,
    backends: tuple[str, ...],
    inputs: tuple[Path, ...],
    shape: str | None,
    time: bool,
) -> Comparison:
    """The comparison that is asked for, or what is wrong with the question."""
    try:
        known = entry(op)
    except ValueError as error:
        raise click.UsageError(f"{error}; `einport list` lists them") from None
    if inputs and shape is not None:
        raise click.UsageError("--input brings its own sizes: it goes without --shape")
    arrays = [_read(one) for one in inputs] or None
    try:
        asked_case(known, None, shape, arrays)  # before a framework is imported
    except (ValueError, TypeError) as error:
        raise click.UsageError(harmless(str(error))) from None
    names = [xp.name for xp in select_backends(backends)]
    with progress_console().status(f"running {op}"):  # shown to a person alone
        return compare(op, backends=names, shape=shape, inputs=arrays, time=time)


def _read(file: Path) -> Any:
    """The array in a file; nothing in it is run, and no more memory is taken than it fills."""
    most = f"the {MOST_VALUES:,} values that the definition in loops can be asked for"
    try:
        data = read_regular(file, _LARGEST_FILE, most)
    except NotRead as problem:
        raise click.UsageError(str(problem)) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            return _decode(data)
    except (Exception, RecursionError) as error:  # a header is code of Python: it may fail anyhow
        reason = str(error).partition("\n")[0] or type(error).__name__
        if len(reason) > _LONGEST_REASON:
            reason = reason[: _LONGEST_REASON - 1] + "…"
        raise click.UsageError(
            f"{file} holds no array in NumPy's format: {harmless(reason)}"
        ) from None


def _decode(data: bytes) -> Any:
    """The array in the bytes of a `.npy` file, whose header must not claim more than there is."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"its version is {'.'.join(map(str, version))}, not 1.0 or 2.0")
    shape, _, dtype = _HEADERS[version](stream)
    # Values of no bytes, such as empty texts, are counted as if they had one.
    needed, there = math.prod(shape) * max(dtype.itemsize, 1), len(data) - stream.tell()
    if not dtype.hasobject and (min(shape, default=0) < 0 or needed > there):
        raise ValueError(f"its header claims shape {shape} of {dtype}, and {there:,} bytes follow")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)

"""`einport pages`: run everything once more, and write it as a static site."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..backends import Backend
from ..catalog import Entry
from ..files import NotWritten
from ..suite import results
from ..suite.results import Document, ResultsError
from ..views.terminal import progress
from ._shared import CONTEXT, FilePath, select_backends, select_entries

if TYPE_CHECKING:
    from ..comparison.running import Comparison

DEFAULT_RESULTS = Path("results")


@click.command("pages", context_settings=CONTEXT)
@click.option(
    "--backend", "names", multiple=True, metavar="NAME", help="Only this framework; repeatable."
)
@click.option(
    "--op", "texts", multiple=True, metavar="TEXT", help="Only operations with TEXT; repeatable."
)
@click.option(
    "--results",
    "sources",
    type=FilePath(),
    multiple=True,
    metavar="PATH",
    help="Results for the matrix, a file or a folder of them; repeatable.  "
    "[default: results, if it is there]",
)
@click.option("--no-time", "untimed", is_flag=True, help="Leave the timing out.")
@click.option("--force", is_flag=True, help="Replace the site that DIR holds.")
@click.argument("folder", type=FilePath(), metavar="DIR")
def command(
    folder: Path,
    names: Sequence[str],
    texts: Sequence[str],
    sources: Sequence[Path],
    untimed: bool,
    force: bool,
) -> None:
    """Write a static site to DIR: every operation side by side.

    Each operation is run on every framework found, and compared. The site has
    a page for each, the matrix of the results, the traps and the digit
    pictures; it opens from the disk and needs no network. DIR must be new or
    empty, and is written whole or not at all. With --force a site of einport
    is replaced, and nothing else ever is.

    SOURCE_DATE_EPOCH sets the date; with --no-time too, the same versions give
    the same bytes. The exit status is 1 when frameworks do not agree (the site
    is there, and says where), and 2 when an option or a file is wrong.

    \b
    Examples:
      einport pages site
      einport pages site --force --backend numpy,torch
      einport pages site --op moe --no-time
      einport pages site --results cpu.json --results gpu.json
    """
    _check_installed()
    from ..traps import traps
    from ..views.site.building import Content, build
    from ..views.site.digits import digit_pictures
    from ..views.site.folder import check_folder, write_folder
    from ..views.site.look import stamp_now

    try:
        check_folder(folder, force)
        stamp = stamp_now()
    except (NotWritten, ValueError) as problem:
        raise click.UsageError(str(problem)) from None
    document, why = _results(sources)
    chosen = select_entries(texts)
    backends = select_backends(names)
    if not backends:
        raise click.UsageError("no framework can be imported")
    comparisons = _compare(chosen, backends, timed=not untimed)
    digits = digit_pictures(backends)
    try:
        made = build(Content(comparisons, traps(), digits, document, why, stamp))
        write_folder(folder, made, force)
    except (NotWritten, ValueError) as problem:
        click.ClickException(str(problem)).show()
        sys.exit(2)
    count = sum(name.endswith(".html") for name in made)
    size = sum(map(len, made.values()))
    click.echo(f"wrote {count} pages, {size:,} bytes; open {folder / 'index.html'}")
    if document is None:
        click.echo(f"the matrix is empty: {why}")
    _tell(comparisons, [one.demo.name for one in digits if not one.agrees])


def _check_installed() -> None:
    """Say how to get what pages need, before anything runs."""
    for name in ("jinja2", "pygments"):
        if find_spec(name) is None:
            raise click.UsageError(
                f"pages need {name}, which is not installed: python -m pip install 'einport[pages]'"
            )


def _results(sources: Sequence[Path]) -> tuple[Document | None, str]:
    """The results for the matrix, or why there are none."""
    named = list(sources)
    if not named:
        if not DEFAULT_RESULTS.is_dir():
            return None, f"no folder {DEFAULT_RESULTS} was there when the site was built"
        named = [DEFAULT_RESULTS]
    found: list[Path] = []
    for source in named:
        inside = sorted(source.glob("*.json")) if os.path.isdir(source) else [source]
        if not inside and sources:
            raise click.UsageError(f"{source} holds no file of results (*.json)")
        found += inside
    if not found:
        return None, f"the folder {DEFAULT_RESULTS} held no files when the site was built"
    try:
        document = results.merge([results.read(file) for file in found])
    except ResultsError as error:
        raise click.UsageError(str(error)) from None
    return (document, "") if document.cells else (None, "the files of results hold none")


def _compare(chosen: Sequence[Entry], backends: Sequence[Backend], timed: bool) -> list[Comparison]:
    """Compare every operation now, and draw it; a bar shows how far it is."""
    from ..comparison.running import compare

    names = [xp.name for xp in backends]
    made = []
    with progress(len(chosen)) as advance:
        for entry in chosen:
            advance(f"{entry.name:<28.28}")
            one = compare(entry.name, backends=names, time=timed)
            _ = one.picture  # kept by the comparison
            made.append(one)
    return made


def _tell(comparisons: Sequence[Comparison], pictures: Sequence[str]) -> None:
    """Say what did not agree, and end so."""
    wrong = [one for one in comparisons if not one.agrees]
    for one in wrong:
        click.echo(f"{one.op}: {'; '.join(one.problems) or 'ran on no framework'}", err=True)
    for name in pictures:
        click.echo(f"{name}: not the expected picture on every framework", err=True)
    if wrong or pictures:
        sys.exit(1)

"""`einport matrix`: run the suite, read its results from files, or say what changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ..backends import Backend
from ..catalog import Entry
from ..suite import results
from ..suite.changes import REGRESSION, Change, diff, pairs
from ..suite.devices import choose_device
from ..suite.modes import RUNNERS
from ..suite.plan import plan
from ..suite.results import FAIL, MATRIX, Cell, Document, ResultsError
from ..views.matrix import show, show_changes
from ..views.terminal import progress
from ._shared import (
    CONTEXT,
    FilePath,
    check_new,
    check_texts,
    has_text,
    select_backends,
    select_entries,
    split,
    write,
)

FILE = FilePath(dir_okay=False)


@click.command("matrix", context_settings=CONTEXT)
@click.option(
    "--backend", "names", multiple=True, metavar="NAME", help="Only this framework; repeatable."
)
@click.option(
    "--op", "texts", multiple=True, metavar="TEXT", help="Only operations with TEXT; repeatable."
)
@click.option("--mode", "modes", multiple=True, metavar="MODE", help="Only this mode; repeatable.")
@click.option(
    "--device", metavar="NAME", help="Run there, such as cuda; the first one if not said."
)
@click.option(
    "--all", "everything", is_flag=True, help="Run every case in every mode and dtype: slower."
)
@click.option(
    "--diff",
    "pair",
    type=FILE,
    nargs=2,
    metavar="OLD NEW",
    help="Show what changed from one file of results to another.",
)
@click.option(
    "--json",
    "target",
    type=FILE,
    help="Write the results, or the changes, to a new FILE as JSON; `-` prints them.",
    metavar="FILE",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it is there.")
@click.argument("sources", type=FILE, nargs=-1, metavar="[FILE]...")
def command(
    names: Sequence[str],
    texts: Sequence[str],
    modes: Sequence[str],
    device: str | None,
    everything: bool,
    pair: tuple[Path, Path] | None,
    target: Path | None,
    force: bool,
    sources: Sequence[Path],
) -> None:
    """Run the suite's entries on every framework found, and show what works.

    With FILEs of results nothing is run: they are read and shown as one. Where
    two of them hold the same result, the later one counts.

    A cell gives the worst error in epsilons of the dtype, or `exact`; with one
    framework there is a column for each mode. The exit status is 1 when
    something fails, with --diff when something got worse, and 2 when a file or
    an option is wrong.

    \b
    Examples:
      einport matrix
      einport matrix --backend torch --mode compiled --mode gradient
      einport matrix --op moe --json results.json
      einport matrix --backend torch --device cuda
      einport matrix cpu.json gpu.json
      einport matrix cpu.json gpu.json --json both.json
      einport matrix --diff old.json new.json --backend jax
    """
    for option, given in (("--all", everything), ("--device", device is not None)):
        if given and (sources or pair):
            raise click.UsageError(f"{option} is for running; results from files are as they are")
    check_texts(texts)
    if target is not None and str(target) != "-":
        check_new(target, force)
    asked = _Asked(split(names), texts, split(modes))
    if pair:
        if sources:
            raise click.UsageError("--diff takes two files, OLD and NEW, and no others")
        _compare(pair, asked, target, force)
        return
    document = asked.of(_read(sources)) if sources else _run(asked, everything, device)
    _note_versions(document)
    if target is not None and str(target) == "-":
        click.echo(results.encode(document), nl=False)
    else:
        show(document)
        if target is not None:
            write(target, results.encode(document), force, exit_code=2)
            click.echo(f"\nwrote {target}")
    if any(cell.status == FAIL for cell in document.cells):
        sys.exit(1)


class _Asked:
    """Which results are asked for."""

    def __init__(self, names: Sequence[str], texts: Sequence[str], modes: Sequence[str]) -> None:
        self.names, self.texts, self.modes = names, texts, modes

    @property
    def part(self) -> bool:
        """Whether only some operations or modes are."""
        return bool(self.texts or self.modes)

    def has(self, cell: Cell) -> bool:
        """Whether a cell is one of them."""
        return (
            (not self.names or cell.backend in self.names)
            and (not self.modes or cell.mode in self.modes)
            and has_text(self.texts, cell.op, cell.topic)
        )

    def check(self, documents: Sequence[Document]) -> None:
        """Refuse a name that occurs in none of the results."""
        cells = [cell for document in documents for cell in document.cells]
        _check_among("framework", self.names, [cell.backend for cell in cells])
        _check_among("mode", self.modes, [cell.mode for cell in cells])
        for text in self.texts:
            if not any(has_text([text], cell.op, cell.topic) for cell in cells):
                raise click.UsageError(f"the results have no operation with {text!r} in its name")

    def of(self, document: Document) -> Document:
        """The part of a document that is asked for."""
        if not document.cells:
            raise click.UsageError("there are no results in what was read")
        self.check([document])
        cells = tuple(cell for cell in document.cells if self.has(cell))
        if not cells:
            raise click.UsageError("none of the results is all of what was asked for")
        columns = {cell.column for cell in cells}
        runs = [run for run in document.runs if run.column in columns]
        if self.part:
            runs = [run._replace(partial=True) for run in runs]
        return Document(tuple(dict.fromkeys(runs)), cells)


def _check_among(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            there = ", ".join(dict.fromkeys(known))
            raise click.UsageError(f"the results have no {what} {name!r} (they have {there})")


def _run(asked: _Asked, everything: bool, device: str | None) -> Document:
    """Run what is asked for here, on the device of that name or each framework's first."""
    from ..suite.matrix import MISTAKES, run_matrix  # to read files needs none of this

    known = (*RUNNERS, MISTAKES)
    for mode in asked.modes:
        if mode not in known:
            raise click.UsageError(f"there is no mode {mode!r} (there are {', '.join(known)})")
    chosen = select_entries(asked.texts)
    devices = _devices(select_backends(asked.names), device)
    with progress(len(chosen) * len(devices)) as advance:

        def begin(xp: Backend, entry: Entry) -> None:
            advance(f"{xp.title:<10} {entry.name:<28.28}")

        cells = run_matrix(chosen, devices, begin, everything, asked.modes)
    if not cells:
        raise click.UsageError(f"no framework here has mode {' or '.join(asked.modes)}")
    runs = [
        results.run_on(
            xp,
            device,
            everything=everything,
            partial=asked.part,
            tool=MATRIX,
            left_out=0 if everything else _left_out(chosen, xp, asked.modes),
        )
        for xp, device in devices
        if any(cell.backend == xp.name for cell in cells)
    ]
    return Document(tuple(runs), tuple(cells))


def _devices(backends: Sequence[Backend], device: str | None) -> list[tuple[Backend, str]]:
    """Each framework with the device to run on; those that lack it are left out."""
    if device is None:
        return [(xp, xp.devices()[0]) for xp in backends]
    found, problems = [], []
    for xp in backends:
        try:
            found.append((xp, choose_device(xp, device)))
        except ValueError as problem:
            problems.append(str(problem))
    if not found:
        raise click.UsageError("; ".join(problems))
    for text in problems:
        click.echo(f"left out: {text}", err=True)
    return found


def _left_out(chosen: Sequence[Entry], xp: Backend, modes: Sequence[str]) -> int:
    """How many trials in the modes asked for the sample leaves out."""
    count = 0
    for entry in chosen:
        whole, sample = (
            {(run.mode, run.case.name, run.dtype) for run in plan(entry, xp, everything)}
            for everything in (True, False)
        )
        count += sum(not modes or mode in modes for mode, _, _ in whole - sample)
    return count


def _read(sources: Sequence[Path]) -> Document:
    try:
        return results.merge([results.read(source) for source in sources])
    except ResultsError as error:
        raise click.UsageError(str(error)) from None


def _note_versions(document: Document) -> None:
    """Say on standard error when results come from two versions of einport."""
    versions = sorted({run.einport for run in document.runs})
    if len(versions) > 1:
        click.echo(f"note: these results come from einport {' and '.join(versions)}", err=True)


def _compare(pair: tuple[Path, Path], asked: _Asked, target: Path | None, force: bool) -> None:
    old, new = (_read([source]) for source in pair)
    asked.check([old, new])
    changes = [change for change in diff(old, new) if asked.has(change.cell)]
    matched = [pair for pair in pairs(old, new) if asked.has(pair[1])]
    worse = any(change.kind == REGRESSION for change in changes)
    if not matched and not worse:
        sides = [", ".join(_places(side)) or "nothing" for side in (old, new)]
        raise click.UsageError(
            f"no result is in both: the old ones are of {sides[0]}, the new ones of {sides[1]}"
        )
    if target is not None and str(target) == "-":
        click.echo(_encode(changes), nl=False)
    else:
        show_changes(old, new, changes, matched)
        if target is not None:
            write(target, _encode(changes), force, exit_code=2)
            click.echo(f"\nwrote {target}")
    if worse:
        sys.exit(1)


def _places(document: Document) -> list[str]:
    return list(dict.fromkeys(f"{run.title} on {run.device}" for run in document.runs))


def _encode(changes: Sequence[Change]) -> bytes:
    text = results.lines([change.plain() for change in changes]) + "\n"
    return text.encode("utf-8", "backslashreplace")

"""The command line: what is here, what there is, and what works."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from . import __version__
from .backends import Backend, available_backends, get_backend
from .catalog import Entry, entries
from .demo import Demo, demo, document, listing, overview, page, picture, run
from .suite.matrix import Cell, run_matrix, verdict_on
from .suite.runner import EAGER, FAIL, PASS, UNSUPPORTED

CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="einport")
def cli() -> None:
    """Array operations written once, run and proved on every framework.

    \b
    Examples:
      einport backends             what is installed, and its devices
      einport list                 the operations, one line each
      einport matrix               run them all on every framework found
      einport demo                 small examples, to see how patterns work
    """
    # Frameworks talk on standard error while they start; what they say is not the user's concern.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@cli.command("backends", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def backends_command(as_json: bool) -> None:
    """Show the frameworks found, their versions and devices.

    \b
    Examples:
      einport backends
      einport backends --json
    """
    found = [_about(name) for name in available_backends()]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table("name", "framework", "version", "devices", box=None, pad_edge=False)
    for row in found:
        devices = row.get("problem") or ", ".join(row["devices"])
        cells = (row["name"], row["title"], row.get("version", "-"), devices)
        table.add_row(*(escape(str(cell)) for cell in cells))
    _console().print(table)


@cli.command("list", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.argument("text", required=False)
def list_command(text: str | None, as_json: bool) -> None:
    """Show the operations, one line each; with TEXT only those that it occurs in.

    \b
    Examples:
      einport list
      einport list moe
      einport list --json
    """
    chosen = _select_entries((text,) if text else ())
    if as_json:
        rows = [{"name": e.name, "topic": e.topic, "summary": e.summary} for e in chosen]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(e.name) for e in chosen)
    for entry in chosen:
        room = max(_console().width - width - 2, 20)
        summary = entry.summary
        if len(summary) > room:
            summary = summary[: room - 1].rstrip() + "…"
        click.echo(f"{entry.name:<{width}}  {summary}")
    click.echo(f"\n{len(chosen)} operations")


@cli.command("matrix", context_settings=CONTEXT)
@click.option(
    "--backend", "names", multiple=True, metavar="NAME", help="Run on this framework; repeatable."
)
@click.option("--op", "texts", multiple=True, metavar="TEXT", help="Run operations with TEXT only.")
@click.option("--all", "everything", is_flag=True, help="Every case in every dtype: slower.")
@click.option(
    "--json",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every result to a new FILE as JSON; `-` prints it.",
    metavar="FILE",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it is there.")
def matrix_command(
    names: Sequence[str], texts: Sequence[str], everything: bool, file: Path | None, force: bool
) -> None:
    """Run the suite's entries on every framework found, and show what works.

    A cell gives the worst error in epsilons of the dtype, or `exact`. The exit status is 1 when
    something fails.

    \b
    Examples:
      einport matrix
      einport matrix --backend torch --backend jax
      einport matrix --op moe --json results.json
    """
    if file is not None and str(file) != "-":
        _check_new(file, force)
    chosen = _select_entries(texts)
    backends = _select_backends(names)
    with _progress(len(chosen) * len(backends)) as advance:
        devices = [(xp, xp.devices()[0]) for xp in backends]
        cells = run_matrix(chosen, devices, advance, everything)
    if file is not None and str(file) == "-":
        click.echo(_document(cells))
    else:
        _show(chosen, backends, cells)
        if file is not None:
            _write(file, (_document(cells) + "\n").encode())
            click.echo(f"\nwrote {file}")
    if any(cell.status == FAIL for cell in cells):
        sys.exit(1)


@cli.command("demo", context_settings=CONTEXT)
@click.option(
    "--backend",
    "framework",
    metavar="NAME",
    default="numpy",
    show_default=True,
    help="Run on this framework.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option(
    "--png",
    "file",
    type=click.Path(path_type=Path),
    help="Write the resulting picture to a new FILE.png.",
    metavar="FILE",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it is there.")
@click.argument("name", required=False)
def demo_command(
    name: str | None, framework: str, as_json: bool, file: Path | None, force: bool
) -> None:
    """Show a small example of a pattern: input, call and output; without NAME, list them.

    The exit status is 1 when the output is not the expected one.

    \b
    Examples:
      einport demo
      einport demo compose-batch-and-width
      einport demo max-pool --backend torch
      einport demo picture-two-rows --png digits.png
    """
    if name is None:
        if file is not None:
            raise click.UsageError("--png needs the name of a picture; `einport demo` lists them")
        click.echo(json.dumps(overview(), indent=2) if as_json else "\n".join(listing()))
        return
    one = _select_demo(name)
    if file is not None:
        _check_picture(one, file, force)
    backends = _select_backends((framework,))
    if len(backends) != 1:
        raise click.UsageError(f"a demo runs on one framework, got --backend {framework!r}")
    outcome = run(one, backends[0])
    if as_json:
        click.echo(json.dumps(document(one, backends[0], outcome), indent=2))
    else:
        click.echo("\n".join(page(one, backends[0], outcome, _console().width)))
    if not outcome.agrees:
        sys.exit(1)
    if one.picture and file is None and not as_json:
        click.echo(f"\neinport demo {one.name} --png FILE.png writes it as a picture")
    if file is not None and outcome.values is not None:
        _write(file, picture(outcome.values))
        click.echo(f"wrote {file}", err=as_json)


def _select_demo(name: str) -> Demo:
    try:
        return demo(name)
    except ValueError as error:
        raise click.UsageError(f"{error}; `einport demo` lists them") from None


def _check_picture(one: Demo, file: Path, force: bool) -> None:
    """Refuse what cannot become a picture before anything runs."""
    if not one.picture:
        raise click.UsageError(f"{one.name} gives no picture that --png could write")
    if file.suffix.lower() != ".png":
        raise click.UsageError(f"--png writes PNG: the name must end in .png, got {file}")
    _check_new(file, force)


def _about(name: str) -> dict[str, Any]:
    xp, problem = _load(name)
    if xp is None:
        return {"name": name, "title": name, "problem": problem}
    devices = list(xp.devices())
    return {"name": name, "title": xp.title, "version": xp.version(), "devices": devices}


def _console() -> Console:
    return Console(highlight=False)


def _load(name: str) -> tuple[Backend | None, str]:
    """A framework, or why it could not be had."""
    with _hushed():
        try:
            found = get_backend(name)
        except ImportError as error:
            return None, f"cannot be imported: {error}"
        found.devices()  # the first look at them is when frameworks talk
        return found, ""


def _select_backends(names: Sequence[str]) -> list[Backend]:
    """The frameworks named, or all that can be imported."""
    wanted = [name for item in names for name in item.split(",") if name]
    found = []
    for name in dict.fromkeys(wanted or available_backends()):
        try:
            xp, problem = _load(name)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        if xp is not None:
            found.append(xp)
        elif wanted:
            raise click.UsageError(f"{name}: {problem}")
        else:
            click.echo(f"left out {name}: {problem}", err=True)
    return found


def _select_entries(texts: Sequence[str]) -> list[Entry]:
    chosen = [e for e in entries() if not texts or any(t in e.name or t == e.topic for t in texts)]
    if not chosen:
        raise click.UsageError(f"no operation has {' or '.join(map(repr, texts))} in its name")
    return chosen


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on standard error, so that standard output holds the result alone."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        started = False

        def advance(xp: Backend, entry: Entry) -> None:
            nonlocal started
            bar.update(task, description=f"{xp.title:<10} {entry.name:<28.28}")
            bar.advance(task, 1 if started else 0)
            started = True

        yield advance
        bar.advance(task)


def _show(chosen: Sequence[Entry], backends: Sequence[Backend], cells: Sequence[Cell]) -> None:
    console = _console()
    table = Table(box=None, pad_edge=False)
    table.add_column("operation", no_wrap=True)
    for xp in backends:
        table.add_column(f"{xp.title}\n{xp.version().partition('+')[0]}", justify="right")
    for entry in chosen:
        row = []
        for xp in backends:
            own = [c for c in cells if c.op == entry.name and c.backend == xp.name]
            row.append(_brief(verdict_on(own)))
        table.add_row(entry.name, *row)
    console.print(table)
    for cell in cells:
        if cell.status == FAIL:
            where = f"{cell.op} on {cell.backend}"
            console.print(f"[bold red]fail[/] {where}: {escape(cell.reason)}", soft_wrap=True)
    gaps = Counter(
        (c.backend, c.dtype if c.mode == EAGER else f"{c.mode} mode", c.reason)
        for c in cells
        if c.status == UNSUPPORTED
    )
    for (name, where, reason), count in gaps.items():
        console.print(
            f"unsupported: {name} in {where}, {count} of the operations:\n  {escape(reason)}"
        )
    counts = {s: sum(c.status == s for c in cells) for s in (PASS, FAIL, UNSUPPORTED)}
    compared = sum(cell.compared for cell in cells)
    console.print(
        f"\n{counts[PASS]} passed, {counts[FAIL]} failed, {counts[UNSUPPORTED]} unsupported; "
        f"{compared:,} results and values compared.\n"
        "Numbers are the worst error of any dtype, in its epsilons."
    )


def _brief(cell: Cell) -> str:
    if cell.status == FAIL:
        return "[bold red]FAIL[/]"
    if cell.status == UNSUPPORTED:
        return "[yellow]unsupported[/]"
    return f"[green]{cell.error:.2f}[/]" if cell.error else "[green]exact[/]"


def _document(cells: Sequence[Cell]) -> str:
    """Every cell, and where it was run."""
    document = {
        "einport": __version__,
        "python": platform.python_version(),
        "platform": platform.system(),
        "results": [cell._asdict() for cell in cells],
    }
    return json.dumps(document, indent=1)


def _check_new(file: Path, force: bool) -> None:
    """Refuse a file that cannot be written, or is there already, before anything runs."""
    if file.is_dir():
        raise click.UsageError(f"{file} is a folder")
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already; --force overwrites it")
    if not file.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {file.parent} to write {file.name} in")


def _write(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, readable by whom other new files are."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from None


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep what native libraries print while they load off the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)

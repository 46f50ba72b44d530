"""How a command ends when it is interrupted, or its output goes nowhere: in one place for all.

* Ctrl-C: one line on standard error, exit status 130.
* A reader that has gone, as in `einport list | head -1`: nothing is said, exit status 141, which is
  what a shell shows for programs that end by the signal.
* A full disk, or an output that is closed: one line, exit status 1.

It imports the standard library only, so that it is there before anything slow is imported.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import errno
import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

INTERRUPTED = 130
NO_READER = 141
FAILED = 1

_OUTPUT_ERRORS = {
    getattr(errno, name, None) for name in ("EBADF", "EDQUOT", "EFBIG", "EIO", "ENOSPC", "ESTALE")
}
"""What writing to standard output fails with. Files are written by `files`, which says which."""

PATIENCE = 5.0
"""Seconds to clean up in after Ctrl-C, before the process is ended as it is."""


class _State:
    """What has happened to this process."""

    interrupted = False
    told = False
    done = False
    """Whether the command has ended, and Python is about to."""
    errors = 0
    """A descriptor of standard error, which stays when descriptor 2 is redirected; 0 where
    something else has the process, such as a test."""


def was_interrupted() -> bool:
    """Whether Ctrl-C has come, though what ran may have turned it into an error of its own."""
    return _State.interrupted


@contextlib.contextmanager
def process() -> Iterator[None]:
    """Run a command as all that this process does: with `ending`, from open streams to the end.

    A process that was started with Ctrl-C ignored, as by `nohup`, goes on ignoring it.
    """
    _fill_descriptors()
    _State.errors = os.dup(2)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # The first that is registered is the last that is called: then all is done, and Python
        # would put its own handler back, which ends the process by the signal.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGINT, _on_interrupt)
    try:
        with ending():
            yield
    finally:
        _State.done = True
        if _State.interrupted:
            _leave()


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Run a command, and end as this module says; what else is raised goes on.

    Raises:
        SystemExit: The command has ended so, or was stopped.
    """
    try:
        try:
            yield
        finally:
            if _State.interrupted:  # and something may have made another error of it, or none
                raise KeyboardInterrupt
            flush()
    except KeyboardInterrupt:
        _tell_interrupted()
        _drop_output()
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        _drop_output()
        raise SystemExit(NO_READER) from None
    except MemoryError:
        _say("there is not enough memory for this")
        raise SystemExit(FAILED) from None
    except OSError as error:
        of_output = error.filename is None and error.errno in _OUTPUT_ERRORS
        _say(f"cannot write the output: {error.strerror}" if of_output else str(error))
        _drop_output()
        raise SystemExit(FAILED) from None


def flush() -> None:
    """Write what is held back now, where a failure can still be told."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _on_interrupt(*_: Any) -> None:
    """Stop what runs, so that it cleans up; the second time, or where it does not stop, end."""
    if _State.interrupted or _State.done:
        _end_now()
    _State.interrupted = True
    # Not a `threading.Timer`: starting one takes a lock that the interrupted code may hold.
    _thread.start_new_thread(_end_late, ())
    raise KeyboardInterrupt


def _leave() -> NoReturn:
    """End an interrupted process after what was registered for its end, temporary files among it.

    Not by Python's own end: there threads and libraries that were stopped halfway may wait for each
    other, complain or crash, and the exit status would be another.
    """
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    atexit._run_exitfuncs()
    os._exit(INTERRUPTED)


def _end_late() -> None:
    time.sleep(PATIENCE)
    _end_now()


def _end_now() -> NoReturn:
    """End the process without asking it: a framework's code has taken the exception, or is long."""
    _tell_interrupted()
    os._exit(INTERRUPTED)


def _tell_interrupted() -> None:
    """Say it, once; past Python's streams, as the interrupted code may have been using them."""
    if not _State.errors:
        _say("interrupted")
        return
    if _State.told:
        return
    _State.told = True
    show_cursor = b"\x1b[?25h" if os.isatty(_State.errors) else b""
    with contextlib.suppress(OSError):
        os.write(_State.errors, show_cursor + b"einport: interrupted\n")


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"einport: {line}\n")
        sys.stderr.flush()


def _drop_output() -> None:
    """Send what is still held back nowhere: Python would try again at its end, and complain."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        output = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output)
        os.close(nowhere)


def _fill_descriptors() -> None:
    """Give a process that was started with closed streams some that are open.

    Otherwise the next files that are opened become standard output and errors, and what a native
    library prints goes into them. Writing to a closed output fails, as in other programs: its
    descriptor is open for reading. What goes to closed errors is lost.
    """
    for descriptor, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # gets the lowest that is free
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            raw = io.FileIO(descriptor, "w", closefd=False)
            setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8"))

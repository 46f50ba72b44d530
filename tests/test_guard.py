"""How commands end: interrupted, without a reader, with a full disk, with closed streams."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from einport import guard
from einport.cli import cli

pytestmark = pytest.mark.once

RESULTS = Path(__file__).parent.parent / "results" / "numpy-cpu.json"
ONE = ["list", "shuffle"]

COMMANDS = (
    ["--help"],
    ["--version"],
    ["list"],
    ["list", "--json"],
    ["list", "--help"],
    ["gaps", "--backend", "numpy"],
    ["demo"],
    ["demo", "flatten"],
    ["compare", "transpose_matrices", "--backend", "numpy", "--no-time"],
    ["compare", "transpose_matrices", "--backend", "numpy", "--no-time", "--json"],
    ["traps"],
    ["traps", "softmax-axis"],
    ["matrix", str(RESULTS), "--op", "softmax"],
    ["matrix", str(RESULTS), "--op", "softmax", "--json", "-"],
    ["matrix", "--diff", str(RESULTS), str(RESULTS), "--op", "softmax"],
)

START = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where this is run
sys.argv[0] = "einport"

def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)
"""
END = """
from einport.__main__ import main
main()
"""


def run(*arguments: str, program: str = "", **options) -> subprocess.CompletedProcess:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    env = {**os.environ, "COLUMNS": "80", "PYTHONUNBUFFERED": "", **options.pop("env", {})}
    command = [sys.executable, "-c", START + program + END, *map(str, arguments)]
    return subprocess.run(command, text=True, check=False, env=env, timeout=300, **options)


# --- Ctrl-C --------------------------------------------------------------------------------------

MOMENTS = {
    "while einport is imported": """
class Finder:
    def find_spec(self, name, *rest):
        if name == "einport.backends":
            ctrl_c()
sys.meta_path.insert(0, Finder())
""",
    "while the command line is imported": """
class Finder:
    def find_spec(self, name, *rest):
        if name == "einport.cli.demo":
            ctrl_c()
sys.meta_path.insert(0, Finder())
""",
    "while a framework is imported, which makes an error of it that nobody expects": """
import einport.cli._shared as shared
def broken(name):
    try:
        ctrl_c()
    except BaseException:
        raise SystemError("initialization of a module raised an exception") from None
shared.get_backend = broken
""",
    "while code is run that takes the exception for its own": """
def deaf(*_):
    for second in range(300):
        try:
            ctrl_c() if second == 0 else None
            time.sleep(1)
        except BaseException:
            pass
import einport.cli.demo as commands
import einport.guard as guard
guard.PATIENCE = 0.1
commands.run = deaf
""",
    "twice": """
import einport.cli.demo as commands
def deaf(*_):
    try:
        ctrl_c()
    finally:
        ctrl_c()
        time.sleep(300)
commands.run = deaf
""",
    "when all is done": """
import atexit
import einport.guard as guard
flush = guard.flush
def flush_at_last():
    atexit.register(ctrl_c)
    flush()
guard.flush = flush_at_last
""",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_ends_with_130_and_one_line(moment: str) -> None:
    done = run("demo", "flatten", program=MOMENTS[moment])
    assert (done.returncode, done.stderr) == (130, "einport: interrupted\n")


def test_ctrl_c_is_too_late_once_python_is_about_to_end() -> None:
    """What was asked for has been written: Python's own end is no longer interrupted."""
    program = """
class Last:
    def __init__(self, kill):
        self.kill = kill
    def __del__(self):
        self.kill()
sys.last = Last(lambda kill=os.kill, me=os.getpid(): kill(me, 2))
"""
    done = run("demo", "flatten", program=program)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_ctrl_c_is_not_taken_for_a_framework_that_cannot_be_imported() -> None:
    program = """
import einport.cli._shared as shared
def broken(name):
    try:
        ctrl_c()
    except BaseException:
        raise ImportError("initialization of a module raised an exception") from None
shared.get_backend = broken
"""
    done = run("gaps", program=program)  # of all that are installed
    assert (done.returncode, done.stderr) == (130, "einport: interrupted\n")


def test_ctrl_c_ends_with_130_where_python_would_end_by_the_signal(tmp_path: Path) -> None:
    """It does so after `python -m` where the exception has left code that was text."""
    program = (
        "import einport.cli.demo as commands\n"
        "commands.run = lambda *_: exec('ctrl_c(); time.sleep(300)')\n"
    )
    (tmp_path / "sitecustomize.py").write_text(START + program)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "einport", "demo", "flatten"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "einport: interrupted\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "transpose_matrices", "--backend", "numpy", "--no-time", "--html", "{}/new"],
        ["demo", "picture-row", "--png", "{}/new.png"],
        ["matrix", str(RESULTS), "--op", "softmax", "--json", "{}/new"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_ctrl_c_while_a_file_is_written_leaves_nothing(tmp_path: Path, arguments) -> None:
    program = "real = os.replace\nos.replace = lambda *names: (ctrl_c(), real(*names))\n"
    done = run(*(one.format(tmp_path) for one in arguments), program=program)
    assert (done.returncode, done.stderr) == (130, "einport: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_what_was_registered_for_the_end_is_done_after_ctrl_c(tmp_path: Path) -> None:
    program = (
        "import atexit, pathlib\n"
        f"atexit.register(pathlib.Path({str(tmp_path / 'file')!r}).touch)\n"
        "import einport.cli.demo as commands\n"
        "commands.run = lambda *_: ctrl_c()\n"
    )
    assert run("demo", "flatten", program=program).returncode == 130
    assert (tmp_path / "file").exists()


def test_ctrl_c_that_is_ignored_stays_so() -> None:
    program = (
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "import atexit\n"
        "from einport import catalog\n"
        "import einport.cli.list as commands\n"
        "real = commands.select_entries\n"
        "commands.select_entries = lambda *given: (ctrl_c(), real(*given))[1]\n"
    )
    done = run(*ONE, program=program)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_within_a_process_ends_its_command_alone(monkeypatch) -> None:
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("einport.cli.list.select_entries", interrupt)
        result = CliRunner().invoke(cli, ONE)
    assert (result.exit_code, result.stderr) == (130, "einport: interrupted\n")
    assert not guard.was_interrupted()
    assert CliRunner().invoke(cli, ONE).exit_code == 0


# --- Where output goes ---------------------------------------------------------------------------


ALL = """
import json, os, sys
import einport.cli, einport.catalog, numpy
from einport.__main__ import main

def put_output(where):
    if where == "closed":
        os.close(1)
        sys.stdout = None
    elif where == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)  # opened as a shell does it
    else:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
    if where != "closed":
        sys.stdout = open(1, "w", closefd=False)  # one that knows what it writes to

def end(where, command):
    said = os.memfd_create("errors")
    child = os.fork()  # imports once what each command would
    if not child:
        os.dup2(said, 2)
        put_output(where)
        sys.argv = ["einport", *command]
        main()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return [status, os.pread(said, 100_000, 0).decode()]

wheres, commands, file = json.loads(sys.argv[1])
found = [[where, command, *end(where, command)] for where in wheres for command in commands]
open(file, "w").write(json.dumps(found))
"""


@pytest.fixture(scope="module")
def ends(tmp_path_factory) -> dict[str, list[tuple]]:
    """For each place of the output the exit status and the errors of every command."""
    file = tmp_path_factory.mktemp("ends") / "found.json"
    asked = json.dumps([["full", "no reader", "closed"], COMMANDS, str(file)])
    env = {**os.environ, "COLUMNS": "80"}
    subprocess.run([sys.executable, "-c", ALL, asked], check=True, env=env, timeout=300)
    found: dict[str, list[tuple]] = {}
    for where, command, *ending in json.loads(file.read_text()):
        found.setdefault(where, []).append((command, *ending))
    return found


@pytest.mark.parametrize(
    ("where", "status", "said"),
    [
        ("full", 1, "einport: cannot write the output: No space left on device\n"),
        ("no reader", 141, ""),
        ("closed", 1, "einport: cannot write the output: Bad file descriptor\n"),
    ],
)
def test_output_that_goes_nowhere_ends_every_command_alike(ends, where, status, said) -> None:
    assert ends[where] == [(command, status, said) for command in COMMANDS]


def test_a_full_disk_is_told_of_output_that_was_held_back_to_the_end() -> None:
    program = "import click\nclick.echo = lambda text='', **_: print(text)\n"
    with open("/dev/full", "w") as full:
        done = run(*ONE, program=program, stdout=full)
    said = "einport: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_with_closed_errors_a_command_gives_its_output() -> None:
    errors = "os.close(2)\nsys.stderr = None\n"
    done = run("demo", "flatten", program=errors)
    assert (done.returncode, "flatten" in done.stdout) == (0, True)
    assert run("list", "zebra", program=errors).returncode == 2


def test_a_file_is_not_what_closed_output_becomes(tmp_path: Path) -> None:
    """The next file that is opened would get the descriptor, and all that is printed to it."""
    program = (
        "os.close(1)\nsys.stdout = None\n"
        "real = os.replace\n"
        "os.replace = lambda *names: (os.system('echo printed by a library'), real(*names))\n"
    )
    out = tmp_path / "x.json"
    run("matrix", RESULTS, "--op", "softmax", "--json", out, program=program)
    run("matrix", RESULTS, "--op", "softmax", "--json", tmp_path / "y.json")
    assert not out.exists() or out.read_bytes() == (tmp_path / "y.json").read_bytes()


def test_letters_that_an_encoding_lacks_are_escapes() -> None:
    done = run("demo", "zebr\u03b1", env={"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 2
    assert "no demo is named 'zebr\\u03b1'" in done.stderr

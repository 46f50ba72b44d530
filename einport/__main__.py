"""The command `einport`: a thin door that says what is missing when the extra is."""

from __future__ import annotations

import sys

from . import guard


def main() -> None:
    """Run the command line, or say how to install it."""
    with guard.process():
        try:
            import rich  # noqa: F401  (each command needs it)

            from .cli import cli
        except ModuleNotFoundError as error:
            if error.name not in ("click", "rich"):
                raise
            sys.exit(
                f"einport: the command line needs {error.name}, which is not installed:\n"
                "    python -m pip install 'einport[cli]'"
            )
        cli()


if __name__ == "__main__":
    main()

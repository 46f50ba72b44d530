"""Load the suite's pytest plugin, but only in a run that asks for the suite.

pytest imports this module wherever einport is installed, so it must cost nothing and must not
claim option names such as `--device` in other people's test runs.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

PLUGIN = "einport.suite.plugin"


def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: Sequence[str]
) -> None:
    """Load the plugin when one of the arguments names the suite."""
    here = Path(__file__).parent
    for argument in args:
        target = argument.partition("::")[0]
        if target.startswith("einport.suite") or Path(target).absolute().is_relative_to(here):
            early_config.pluginmanager.import_plugin(PLUGIN)
            return


__all__ = ["PLUGIN", "pytest_load_initial_conftests"]

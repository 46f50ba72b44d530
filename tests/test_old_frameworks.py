"""What the suite itself asks of a framework may be missing in an old one."""

import pytest
from test_traps import ALL, held_to_its_record

from einport.backends import Backend
from einport.suite.drivers.base import reads_refused
from einport.traps._trap import recorded

pytestmark = pytest.mark.once


class Array:
    """A framework's array before it had `__dlpack__`."""

    def tolist(self) -> list[int]:
        return [1]


def test_reads_are_refused_on_an_array_that_lacks_some_of_them() -> None:
    with reads_refused(Array, ("tolist", "__dlpack__"), Array):
        with pytest.raises(RuntimeError, match="copied to the host"):
            Array().tolist()
        assert not hasattr(Array, "__dlpack__")
    assert Array().tolist() == [1]


@pytest.mark.parametrize(("version", "held"), [("0.1", False), ("1000.0+cpu", True)])
def test_a_program_is_held_to_its_record_by_no_older_framework(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, version: str, held: bool
) -> None:
    monkeypatch.setattr(backend, "version", lambda: version)
    there = [one for one in ALL if backend.name in recorded(one)]
    assert {held_to_its_record(one, backend.name) for one in there} == {held}

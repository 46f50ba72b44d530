"""The picture of each operation, computed once for all tests of a process."""

from functools import cache

from einport.catalog import entry
from einport.comparison import provenance


@cache
def picture(name):
    """Where the elements of an operation go, in its usual case."""
    return provenance(entry(name))

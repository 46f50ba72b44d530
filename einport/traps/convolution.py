"""."""
TRAPS = ()

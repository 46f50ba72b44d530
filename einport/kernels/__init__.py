"""Ways to compute a part of a definition that are chosen by what can be read or known."""

"""The static site: every operation side by side, the matrix, the traps and the digit pictures."""

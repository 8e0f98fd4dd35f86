"""Published experiments, run again: each gives rows, a plot and a section that says what held."""

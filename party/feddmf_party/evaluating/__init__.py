"""Protocols and baselines on one split of a data set, scored on what the split held back."""

"""Ratings mode, offline: explicit feedback, models central and federated, and their baselines."""

"""Differential privacy of a whole user: a noisy item-item matrix, what it costs, and what follows from it."""

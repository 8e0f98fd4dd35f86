"""Compiled kernels: pure functions on numpy arrays; numba is imported nowhere else."""

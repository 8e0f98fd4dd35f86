"""The shared item catalogue: global item keys, who sells what, digests, draws, coverage."""

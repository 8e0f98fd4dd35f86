"""Variants of the history tower and of what a head knows, that were tried and are not in the product."""

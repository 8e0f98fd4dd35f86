"""The analyst console: pages over the same questions as the query API, served beside it."""

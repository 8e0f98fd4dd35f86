"""Backups of a folder: its files as they were at one moment, in one file that proves itself whole."""

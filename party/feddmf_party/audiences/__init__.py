"""Audiences that were saved under a name, and files of their users, written in the background."""

"""The operator console: pages over the coordinator's folder and database, in a process of its own."""

"""The coordinator's half of each protocol: schema, phases, combine. numpy only, no I/O."""

"""The party's subcommands; torch loads only where a model is trained."""

"""`python -m feddmf`: the same as the command `feddmf`."""

from feddmf.cli.main import main

main()

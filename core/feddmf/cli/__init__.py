"""The one command, `feddmf`: noun, then verb; each noun's code loads when it is asked for."""

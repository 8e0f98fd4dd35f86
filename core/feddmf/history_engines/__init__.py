"""What takes the training steps of a history tower: compiled code, or torch on any of its devices."""

"""What takes the training steps of a DeepMF with a vector a user: compiled code, or torch."""

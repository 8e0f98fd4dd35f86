"""What a party's node shows of itself to its own people: its metrics, and what they are read from."""

"""What the serving process shows of itself: its metrics, and what they are read from."""

"""The neutral side: trust, catalogue, rounds and publications; never torch, never a user."""

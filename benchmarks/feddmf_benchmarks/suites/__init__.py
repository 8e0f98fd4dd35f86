"""What `feddmf bench` can measure, one module a noun."""

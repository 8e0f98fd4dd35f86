"""What a process tells of itself: figures for Prometheus, health, traces, and what log records are about."""

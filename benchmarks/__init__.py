"""Speed and quality tables; each program runs as `python -m benchmarks.NAME`."""

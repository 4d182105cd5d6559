"""evh5 and its peers, measured side by side in one run. What is run and how: run.py; what the figures mean: docs/BENCHMARKS.md."""

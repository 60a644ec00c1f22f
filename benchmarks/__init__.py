"""Ratios against rivals that stand beside: ``python -m benchmarks [NAME ...] [--json]``.

No absolute time is kept as a bar: machines differ, and a shared one differs from itself. Each
benchmark runs the library and its rivals in turns in one process, on the same data, and
reports the median of the per-round ratios with their spread.
"""

"""Benchmarks: ratios measured in turns on one machine."""

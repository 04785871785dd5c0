"""Callers for trying, testing and benchmarks, on media_stream/carrier.py."""

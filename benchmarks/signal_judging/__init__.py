"""The parts of ``benchmarks/signals.py``: every rule judged on real curves, beside published baselines."""

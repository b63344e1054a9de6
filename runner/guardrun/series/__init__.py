"""Columns of numbers: the store, down-sampling, smoothing, robust statistics. Pure."""

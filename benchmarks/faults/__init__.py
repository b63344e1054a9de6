"""Campaigns of faults: many trials at random instants, and what was lost or violated."""

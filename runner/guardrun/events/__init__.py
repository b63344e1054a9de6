"""The event log's schema: what a line means, how it is written and read, where files lie.

Imported by the training process: standard library only, and nothing slow (no dataclasses).
"""

"""Run states as lines of text and chart models: pure functions, no terminal, no files."""

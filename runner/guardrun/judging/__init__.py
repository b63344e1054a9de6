"""Runs compared, audited and reported: facts gathered at the edge, judged by pure cores."""

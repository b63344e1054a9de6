"""One run followed from its files: tail, fold, judge, and the facts that only the host knows."""

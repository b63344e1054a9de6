"""One screen a file. Screens hold no data: they draw the latest snapshot."""

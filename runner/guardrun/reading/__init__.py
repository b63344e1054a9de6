"""Files as they are: whole lines from growing logs, runs below a folder."""

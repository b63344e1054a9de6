"""Campaigns of faults: real processes, files and disks; each trial says what it lost and what it violated."""

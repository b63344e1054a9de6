"""Events folded into the state of a run. Pure: no I/O, no clock."""

"""The supervisor: launches, watches, judges and stops a training from outside."""

"""What the dashboard costs, measured from outside: real ``guard watch`` processes in pseudo-terminals."""

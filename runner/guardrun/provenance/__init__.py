"""What a run came from: effective config, environment, git, processes and hosts."""

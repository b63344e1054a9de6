"""guard's runs shown in tools that a team has: written by a process of its own (`guard mirror`), which only
reads the run's files. Whatever such a tool does, the training knows nothing of it."""

"""One rule a file, the engine that runs them, the policy that maps them to actions. Pure."""

"""The training side: what runs inside a user's training process."""

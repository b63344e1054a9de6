"""What guard costs, as ratios against a floor measured side by side in the same process."""

"""What the machine does while it trains: GPUs, processor, memory, disk, the training's processes."""

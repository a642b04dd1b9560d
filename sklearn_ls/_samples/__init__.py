"""What X is: arrays in memory and in files, and streams of blocks."""

"""What y is: labels, soft labels, smoothing and label noise, in NumPy."""

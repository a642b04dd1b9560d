"""Labels, soft labels, smoothing and label noise, in NumPy."""

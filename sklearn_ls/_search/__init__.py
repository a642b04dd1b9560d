"""Many networks trained on parts of the data, scored, and predicting together."""

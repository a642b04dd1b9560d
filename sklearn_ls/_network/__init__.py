"""Networks in torch: arrays in, arrays out, no estimator."""

"""Cross-validated search: networks trained on folds, scored and combined."""

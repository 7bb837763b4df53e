"""Where Newton's method starts, one algorithm per file."""

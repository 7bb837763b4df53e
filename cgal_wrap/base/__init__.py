"""What every room shares: points, boxes, moments, threads, Ctrl-C."""

"""Documents: read within their limits, validated and estimated before anything of them is executed."""

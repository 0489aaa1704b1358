"""Documents: parsed within limits, validated and estimated before execution."""

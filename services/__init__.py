"""The rules: what may happen, in which order, and which events follow."""

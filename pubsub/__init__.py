"""Hints that wake the listeners of an event log."""

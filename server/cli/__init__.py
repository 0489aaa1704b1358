"""The commands of `./sotto`."""

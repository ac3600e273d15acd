"""The embedded local stack: start, stop and state of every process."""

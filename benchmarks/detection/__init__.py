"""How well changes are detected, and how often an alarm is false: `make bench-detection` writes docs/detection.md."""

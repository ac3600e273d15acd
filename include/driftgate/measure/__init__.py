"""Third step: Evidently measures the batch against the reference."""

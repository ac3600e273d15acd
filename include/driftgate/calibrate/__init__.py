"""Thresholds that keep a stated false-alarm budget: learned from the windows of the reference, stored with the model version."""

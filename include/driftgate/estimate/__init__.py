"""Estimated performance: how good the model probably is on rows whose labels have not come, with its uncertainty."""

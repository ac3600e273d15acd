"""Retraining: training set, trainer, comparison, promotion, rollback."""

"""Connections to the places where results are kept."""

"""Telling people: who hears of what, how it is worded for each kind of channel, and how it gets there."""

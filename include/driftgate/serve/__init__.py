"""Serving: the champion from the registry scores rows."""

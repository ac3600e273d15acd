"""Readable artefacts: the Evidently report as HTML and JSON."""

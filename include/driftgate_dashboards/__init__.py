"""Grafana as code: every dashboard and alert rule of Driftgate, written in Python, kept as JSON and YAML in ``include/grafana``.

``make dashboards`` (or ``python -m driftgate_dashboards``) writes the files anew; a test compares them with what is committed.
Nothing here runs in production: Grafana reads the files, Grafana's foundation SDK is needed only to change them.

Reading order: :mod:`~driftgate_dashboards.sql` (what is asked of the records), :mod:`~driftgate_dashboards.panels` (how an answer
is drawn), :mod:`~driftgate_dashboards.factory` (ready-made panels for dashboards of one's own), then one module per dashboard.
"""

"""Step `export`: the numbers of a window to the optional sinks Prometheus (Pushgateway) and InfluxDB."""

"""Monitor files: YAML to typed, validated objects."""

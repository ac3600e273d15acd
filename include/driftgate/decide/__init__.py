"""Fifth step: the policy turns metrics into a decision. No I/O here."""

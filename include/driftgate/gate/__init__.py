"""Second step: a Great Expectations checkpoint decides whether a batch may go on."""

"""One operator per step: each opens the monitor's context, calls one function of the library and pushes a small dictionary."""

"""What Driftgate costs and how well it detects, measured. Each module says what it measures and how it is started."""

import driftgate  # noqa: F401 - chooses how NumPy sorts, before any module here imports NumPy

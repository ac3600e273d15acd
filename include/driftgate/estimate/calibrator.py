"""Calibration: which share of the rows with a probability is really positive.

Isotonic regression of the label on the model's probability (Zadrozny and Elkan 2002, "Transforming Classifier Scores into Accurate
Multiclass Probability Estimates", KDD), clipped outside the range that was seen, as CBPE does it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibrator:
    """A rising, piecewise linear function from the model's probability to the calibrated one."""

    proba: tuple[float, ...]
    calibrated: tuple[float, ...]

    def chance(self, proba: np.ndarray) -> np.ndarray:
        """Return the calibrated probability of being positive."""
        return np.asarray(np.interp(proba, self.proba, self.calibrated))


def fit_calibrator(proba: np.ndarray, positive: np.ndarray) -> Calibrator:
    """Fit the function to rows with known labels (1 or 0)."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip", increasing=True).fit(proba, positive)
    return Calibrator(tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))

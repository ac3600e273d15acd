"""A check of all features together: sees changes of what goes with what, which leave every single column alone.

Two ways, by ``measures.multivariate`` (what each can see, and at what price: docs/adr/0017-multivariate-check.md):

``pca``
    How badly the main directions of the reference describe the window's rows: what holds together features that belong together is
    in the directions of small variance. Source: the Q statistic of J. E. Jackson and G. S. Mudholkar, Control procedures for
    residuals associated with principal component analysis, Technometrics 21 (1979), 341-349; NannyML's reconstruction error.
``domain_classifier``
    How well a classifier tells the window's rows from reference rows. Source: D. Lopez-Paz and M. Oquab, Revisiting classifier
    two-sample tests, ICLR 2017.

Both are larger the more has changed. Features whose drift is switched off are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.columns import Kind
from driftgate.config.models import MonitorConfig
from driftgate.measure.directions import EXPLAINED as EXPLAINED
from driftgate.measure.prepared import PreparedReference, drift_features, prepared
from driftgate.predictions import few_threads
from driftgate.records import Family, Metric, MetricVerdict

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

Numbers = npt.NDArray[np.float64]
Features = list[tuple[str, Kind]]
"""Names and kinds."""

MAX_CODES = 200
"""Domain classifier: so many of a column's most frequent values are told apart; scikit-learn's limit is 255."""
FOLDS = 3
SEED = 0
SMALLEST_SAMPLE = 500
"""Domain classifier: the window is compared with as many reference rows as it has itself, at least so many where they exist."""
LARGEST_SAMPLE = 5_000
"""Domain classifier: of more rows so many are taken, of the window too."""


def multivariate_drift(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame | PreparedReference) -> list[Metric]:
    """Return ``multivariate_drift``, if the monitor file asks for it.

    ``pca``: distance between the mean reconstruction errors of window and reference, in standard deviations of the reference's
    errors; 0 is no change. ``domain_classifier``: cross-validated area under the ROC curve; 0.5 is no change, 1 is told apart
    without an error, chance can take it below 0.5. There is no limit; with fewer rows than ``measures.minimum_rows`` on either side
    there is no value and the verdict is ``too_few_rows``.
    """
    method = config.measures.multivariate
    usual = prepared(config, reference)
    features = [(name, kind) for name, kind in drift_features(config) if name in current and name in usual.columns]
    if method == "none" or not features:
        return []
    if min(len(current), usual.rows) < max(config.measures.minimum_rows, 2 * FOLDS):
        return [Metric(Family.DATA_DRIFT, "multivariate_drift", None, verdict=MetricVerdict.TOO_FEW_ROWS, method=method)]
    if method == "pca":
        value = usual.directions.shift(float(usual.directions.errors(current).mean()))
    else:
        value = domain_auc(features, current, usual.frame)
    return [Metric(Family.DATA_DRIFT, "multivariate_drift", value, method=method)]


# --- domain classifier ------------------------------------------------------------------------------------------------


def domain_auc(features: Features, current: pd.DataFrame, reference: pd.DataFrame) -> float:
    """Return the cross-validated area under the ROC curve of telling the window's rows from reference rows.

    The rows are put into an order of their own first, so that theirs does not matter; draws and folds are seeded.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    codes = {
        name: {value: code for code, value in enumerate(_shares(reference[name]).index[:MAX_CODES])}
        for name, kind in features
        if kind == "cat"
    }
    window, usual = (_ordered(_coded(features, codes, frame)) for frame in (current, reference))
    window = _drawn(window, LARGEST_SAMPLE)
    usual = _drawn(usual, max(len(window), SMALLEST_SAMPLE))
    rows, is_window = np.vstack([window, usual]), np.repeat([1, 0], [len(window), len(usual)])
    categorical = [kind == "cat" for _, kind in features]
    areas = []
    with few_threads(len(rows)):
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(rows, is_window):
            model = _classifier(categorical).fit(rows[train], is_window[train])
            areas.append(roc_auc_score(is_window[test], model.predict_proba(rows[test])[:, 1]))
    return float(np.mean(areas))


def _classifier(categorical: list[bool]) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        categorical_features=categorical if any(categorical) else None,
        max_iter=40,
        max_leaf_nodes=15,
        early_stopping=False,
        random_state=SEED,
    )


def _coded(features: Features, codes: dict[str, dict[object, int]], frame: pd.DataFrame) -> Numbers:
    """Numbers as they are, infinities as missing; categories by their rank in the reference, all others together."""
    columns = []
    for name, kind in features:
        values = frame[name] if kind == "num" else frame[name].map(codes[name]).fillna(len(codes[name])).mask(frame[name].isna())
        columns.append(values.to_numpy(dtype=np.float64, na_value=np.nan))
    rows = np.column_stack(columns)
    return np.where(np.isfinite(rows), rows, np.nan)


def _ordered(rows: Numbers) -> Numbers:
    return rows[np.lexsort(rows.T)]


def _drawn(rows: Numbers, count: int) -> Numbers:
    if len(rows) <= count:
        return rows
    return rows[np.sort(np.random.default_rng(SEED).choice(len(rows), count, replace=False))]


def _shares(values: pd.Series) -> pd.Series:
    counts = values.value_counts(normalize=True)
    return counts.iloc[np.lexsort((counts.index.astype("str").to_numpy(dtype="U"), -counts.to_numpy()))]

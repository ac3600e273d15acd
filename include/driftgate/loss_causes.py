"""How much each drifted feature of a window adds to the error that is expected of the model, for the causes of an incident."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from driftgate.context import Context
from driftgate.records import Measures, MetricVerdict

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

log = logging.getLogger(__name__)


def loss_contributions(context: Context, measures: Measures) -> Mapping[str, float] | None:
    """Return the change of the expected loss per feature in alarm; None when it is not known.

    An incident is never held up by this: whatever goes wrong is logged.
    """
    columns = sorted({item.column for item in measures.metrics if item.column and item.verdict is MetricVerdict.ALARM})
    features = [name for name in columns if name in context.config.columns.features]
    if not features:
        return None
    try:
        return _contributions(context, measures, features)
    except Exception as error:
        log.warning("%s %s: what each column adds to the error is not known: %s", measures.monitor, measures.window, error)
        return None


def _contributions(context: Context, measures: Measures, columns: list[str]) -> Mapping[str, float] | None:
    from driftgate import baselines
    from driftgate.estimate.contribution import contributions
    from driftgate.pipeline import labelled_rows
    from driftgate.references import load_reference

    batch = context.store.find_batch(measures.monitor, measures.window)
    if batch is None or batch.path is None:
        return None
    baseline = baselines.load(context, batch.model_version)
    if baseline is None or baseline.estimator is None or baseline.estimator.reason:
        return None
    frame, reference = labelled_rows(context, batch), load_reference(context, batch.model_version, batch.window).frame
    scorer = _scorer(context, batch.model_version)
    return contributions(context.config, baseline.estimator, frame, reference, predict=scorer, columns=columns) or None


def _scorer(context: Context, model_version: str | None) -> Callable[[pd.DataFrame], pd.DataFrame] | None:
    """Return what predicts changed rows anew; None where the rows bring their own predictions."""
    from driftgate.predictions import predict
    from driftgate.retrain.out_of_fold import with_predictions

    if model_version is None or context.config.model.predictions != "champion":
        return None
    config, model = context.config, context.registry.load(context.config.model_name, model_version)
    return lambda rows: with_predictions(config, rows, predict(config, model, rows))

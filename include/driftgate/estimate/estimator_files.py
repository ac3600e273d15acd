"""An estimator as files beside its model version: ``estimator.json`` and, for regression, ``losses.skops``.

Reading runs no code from the files: numbers are JSON, and of the trees skops builds only the types named in ``TRUSTED``, whatever
the file asks for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from driftgate.errors import MeasureError
from driftgate.estimate.calibrator import Calibrator
from driftgate.estimate.estimator import Estimator
from driftgate.estimate.loss_model import Encoder, LossModel
from driftgate.estimate.spread import Spread
from driftgate.files import replacing, write_json

NUMBERS_FILE, TREES_FILE = "estimator.json", "losses.skops"
FORMAT = 1
TRUSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
"""What skops must build beyond what it holds harmless itself."""


def to_files(estimator: Estimator, folder: Path) -> list[Path]:
    """Write the estimator into the folder, which exists; return the files."""
    import skops.io  # type: ignore[import-untyped]

    content: dict[str, Any] = {
        "format": FORMAT,
        "monitor": estimator.monitor,
        "task": estimator.task,
        "rows": estimator.rows,
        "positive": estimator.positive,
        "spreads": {name: asdict(spread) for name, spread in estimator.spreads.items()},
        "reference": dict(estimator.reference),
        "reason": estimator.reason,
    }
    written = [folder / NUMBERS_FILE]
    model = estimator.model
    if isinstance(model, Calibrator):
        content["calibrator"] = asdict(model)
    elif model is not None:
        content["losses"] = {
            "numerical": list(model.encoder.numerical),
            "categorical": {name: dict(known) for name, known in model.encoder.categorical.items()},
            "prediction": model.encoder.prediction,
            "unit_absolute": model.unit_absolute,
            "unit_squared": model.unit_squared,
        }
        written.append(folder / TREES_FILE)
        with replacing(folder / TREES_FILE) as temporary:
            temporary.write_bytes(skops.io.dumps([model.absolute, model.squared]))
    write_json(folder / NUMBERS_FILE, content)
    return written


def from_files(folder: Path) -> Estimator:
    """Read an estimator.

    Raises
    ------
    MeasureError
        If the files are missing, damaged, of another format, or ask for a type that is not trusted.
    """
    try:
        content = json.loads((folder / NUMBERS_FILE).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"it has the format {content['format']!r}, not {FORMAT}")
        return _estimator(content, folder)
    except Exception as error:  # skops raises many kinds for damaged content
        raise MeasureError(
            f"the performance estimator in {folder} cannot be read ({type(error).__name__}: {str(error).splitlines()[0]}); "
            "train a new version of the model, or restore the files"
        ) from error


def _estimator(content: Mapping[str, Any], folder: Path) -> Estimator:
    model: LossModel | Calibrator | None = None
    if "calibrator" in content:
        model = Calibrator(tuple(content["calibrator"]["proba"]), tuple(content["calibrator"]["calibrated"]))
    elif "losses" in content:
        model = _loss_model(content["losses"], folder / TREES_FILE)
    return Estimator(
        monitor=content["monitor"],
        task=content["task"],
        rows=content["rows"],
        model=model,
        positive=content["positive"],
        spreads={name: Spread(**numbers) for name, numbers in content["spreads"].items()},
        reference=content["reference"],
        reason=content["reason"],
    )


def _loss_model(numbers: Mapping[str, Any], path: Path) -> LossModel:
    import skops.io

    absolute, squared = skops.io.loads(path.read_bytes(), trusted=list(TRUSTED))
    encoder = Encoder(tuple(numbers["numerical"]), numbers["categorical"], numbers["prediction"])
    return LossModel(encoder, absolute, squared, numbers["unit_absolute"], numbers["unit_squared"])

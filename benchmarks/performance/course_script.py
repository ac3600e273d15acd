"""The day-by-day script of the source documents with today's interface of Evidently, and without its pause of ten seconds.

As there: the reference is read once, a linear model predicts each day, one report with the drift of the prediction, the number of drifted
columns and the share of missing values is run, and three numbers are inserted into a table of PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

TABLE = """
drop table if exists dummy_metrics;
create table dummy_metrics(
    timestamp timestamp, prediction_drift float, num_drifted_columns integer, share_missing_values float
)
"""


class CourseScript:
    """The script as an object, so that each of its days can be timed.

    Parameters
    ----------
    connection
        An open psycopg2 connection.
    reference
        Rows with the columns below and ``prediction``.
    numerical, categorical
        Names of the features.
    """

    def __init__(self, connection: Any, reference: pd.DataFrame, numerical: Sequence[str], categorical: Sequence[str]) -> None:
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import DatasetMissingValueCount, DriftedColumnsCount, ValueDrift

        self.connection = connection
        self.connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(TABLE)
        self.columns = [*numerical, *categorical, "prediction"]
        self.definition = DataDefinition(numerical_columns=[*numerical, "prediction"], categorical_columns=list(categorical))
        self.reference = Dataset.from_pandas(reference[self.columns], data_definition=self.definition)
        self.report = Report([ValueDrift(column="prediction"), DriftedColumnsCount(), DatasetMissingValueCount()])

    def day(self, moment: pd.Timestamp, rows: pd.DataFrame) -> tuple[float, int, float]:
        """Calculate and insert the numbers of one day."""
        from evidently import Dataset

        current = Dataset.from_pandas(rows[self.columns].reset_index(drop=True), data_definition=self.definition)
        snapshot = self.report.run(current, self.reference)
        found = {item["config"]["type"].rpartition(":")[2]: item["value"] for item in snapshot.dict()["metrics"]}
        numbers = (
            float(found["ValueDrift"]),
            int(found["DriftedColumnsCount"]["count"]),
            found["DatasetMissingValueCount"]["count"] / rows[self.columns].size,  # of all values, as then; today's share is of the rows
        )
        with self.connection.cursor() as cursor:
            cursor.execute("insert into dummy_metrics values (%s, %s, %s, %s)", (moment.to_pydatetime(), *numbers))
        return numbers

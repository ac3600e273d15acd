"""The one data source of the dashboards, and an SQL query in the form that it expects."""

from __future__ import annotations

from typing import Any, Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

DATASOURCE_TYPE, DATASOURCE_UID = "grafana-postgresql-datasource", "driftgate-postgres"
"""As in ``include/grafana/provisioning/datasources/postgres.yml``."""

Format = Literal["table", "time_series"]


def datasource(uid: str = DATASOURCE_UID) -> DataSourceRef:
    """Return the reference to the records, or to another PostgreSQL data source that holds them."""
    return DataSourceRef(type_val=DATASOURCE_TYPE, uid=uid)


class PostgresQuery(Dataquery):
    """One query of a panel, an annotation or an alert rule; the SDK has no query of this kind of its own."""

    def __init__(self, sql: str, result: Format = "table", ref_id: str = "A", uid: str = DATASOURCE_UID) -> None:
        self.sql, self.result, self.ref_id, self.uid = sql, result, ref_id, uid

    def to_json(self) -> dict[str, Any]:
        return {
            "refId": self.ref_id,
            "datasource": datasource(self.uid).to_json(),
            "editorMode": "code",
            "format": self.result,
            "rawQuery": True,
            "rawSql": self.sql,
        }


class Query(Builder[PostgresQuery]):
    """A query as the SDK's builders take it."""

    def __init__(self, sql: str, result: Format = "table", ref_id: str = "A", uid: str = DATASOURCE_UID) -> None:
        self._query = PostgresQuery(sql, result, ref_id, uid)

    def build(self) -> PostgresQuery:
        return self._query

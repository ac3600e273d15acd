"""Notifier: anything that a person's own DAG has to say, to the channels of include/notifications.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.sdk import BaseNotifier

from driftgate_airflow.common import connection_uri
from driftgate_airflow.links import absolute, base_path

if TYPE_CHECKING:
    from airflow.sdk import Context


class DriftgateNotifier(BaseNotifier):
    """Send a text to channels at once: one attempt, no outbox. For callbacks of your own DAGs.

    Parameters
    ----------
    subject, text
        What to say; both are templates.
    channels
        Names of channels; None: all.
    severity
        ``warning`` or ``critical``, for the colour and the subject; None: information.

    Examples
    --------
    ``EmptyOperator(..., on_failure_callback=DriftgateNotifier(subject="{{ dag.dag_id }} failed", channels=["ops_chat"]))``
    """

    template_fields: Sequence[str] = ("subject", "text", "channels", "severity")

    def __init__(self, *, subject: str, text: str = "", channels: Sequence[str] | None = None, severity: str | None = None) -> None:
        super().__init__()
        self.subject = subject
        self.text = text
        self.channels = list(channels) if channels is not None else None
        self.severity = severity

    def notify(self, context: Context) -> None:
        from driftgate.config.notifications import load_notifications
        from driftgate.errors import ServiceError
        from driftgate.notifications import send_now
        from driftgate.notify.notice import Link
        from driftgate.notify.wording import custom
        from driftgate.records import Severity
        from driftgate.settings import load

        settings = load()
        names = list(load_notifications(settings.notifications_path).channels) if self.channels is None else self.channels
        if not names:
            self.log.warning("nobody is told: %s has no channels", settings.notifications_path)
            return
        severity = Severity(self.severity) if self.severity else None
        ti = context["ti"]
        place = absolute(f"{base_path()}/dags/{ti.dag_id}/runs/{ti.run_id}/tasks/{ti.task_id}")
        key = f"custom:{ti.dag_id}:{ti.run_id}:{ti.task_id}:{ti.try_number}"
        links = [Link("Open in Airflow", place)] if place.startswith("http") else []
        results = send_now(settings, names, lambda _: custom(key, self.subject, self.text, severity, links), connection_uri)
        problems = [problem for problem in results.values() if problem is not None]
        if problems:
            raise ServiceError("messages did not arrive:\n" + "\n".join(f"  - {problem}" for problem in problems))

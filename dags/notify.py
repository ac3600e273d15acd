"""The Airflow DAG `driftgate__notify`: every five minutes it sends the messages that are due.

A run of a monitor delivers its own messages at once; what was not taken then (a receiver was down, quiet hours) and the daily digest come
from here. Without a channel in include/notifications.yaml there is nothing to send, and the DAG does not exist.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, get_parsing_context

from driftgate.config.notifications import fingerprint, load_notifications
from driftgate.settings import load
from driftgate_airflow.dag_parts import EARLIEST, PROMPT
from driftgate_airflow.operators.deliver_messages import DeliverMessagesOperator
from driftgate_airflow.placing import placed

DAG_ID = "driftgate__notify"
DOCS = """\
### Who is told when something is wrong

Sends the messages of the outbox (`driftgate.message`) that are due, to the channels of `{file}`. A message is tried again at growing
distances and then given up; one channel that is down holds up no other.

**Triage**

- `deliver` failed: a channel did not take a message; the log names channel, connection and answer. The message is kept and tried again.
- given up: `driftgate notify messages` shows why; after correcting the connection, `driftgate notify retry` sends it after all.
- no runs: the DAG is paused.

Owner: **driftgate** · file: `{file}` · configuration `{fingerprint}`
"""

if get_parsing_context().dag_id in (None, DAG_ID):
    path = load().notifications_path
    if load_notifications(path).is_active:
        with DAG(
            dag_id=DAG_ID,
            description="Sends messages about incidents, waiting challengers and the daily digest",
            doc_md=DOCS.format(file=path.name, fingerprint=fingerprint(path)),
            schedule="*/5 * * * *",
            start_date=EARLIEST,
            catchup=False,
            max_active_runs=1,
            is_paused_upon_creation=False,
            dagrun_timeout=timedelta(minutes=10),
            tags=["driftgate", "notifications"],
            default_args={"owner": "driftgate", **PROMPT},
        ) as dag:
            DeliverMessagesOperator(task_id="deliver", retries=0, execution_timeout=timedelta(minutes=8))
        placed(dag)

"""The Airflow DAG `driftgate__reports`: draws the HTML report of a window when somebody asks for it.

The button on a monitor's page starts it; so does its own trigger form. Without a monitor file there is nothing to draw, and the DAG does
not exist.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, get_parsing_context

from driftgate.config.loader import monitor_files
from driftgate.settings import load
from driftgate_airflow.dag_parts import EARLIEST, PROMPT, RETRY_DELAY, retry_policy
from driftgate_airflow.operators.draw_report import DrawReportOperator
from driftgate_airflow.placing import placed

DAG_ID = "driftgate__reports"
DOCS = """\
### Draw a report

Draws the Evidently report of one window that was measured, and attaches it to the window's MLflow run. Reports that the monitor file wants
(`report.draw`) are drawn by the monitor's own DAG; this one is for all others. Drawn again, a report replaces the earlier one.

**Triage**

- `draw` failed: its log says why; most often the window was never measured, and then the monitor's own DAG has to run first.

Owner: **driftgate**
"""
FORM_TEXT = {"type": ["null", "string"], "maxLength": 40}

if get_parsing_context().dag_id in (None, DAG_ID):
    known = [path.stem for path in monitor_files(load().monitors_dir)]
    if known:
        with DAG(
            dag_id=DAG_ID,
            description="Draws the HTML report of a window when somebody asks for it",
            doc_md=DOCS,
            params={
                "monitor": Param(known[0], type="string", enum=known, title="Monitor", description="Whose window."),
                "window_start": Param(
                    None, **FORM_TEXT, title="Window start", description="First moment of the window, in the monitor's time zone."
                ),
                "window_end": Param(
                    None, **FORM_TEXT, title="Window end", description="First moment after it. Empty: start + the monitor's window size."
                ),
            },
            schedule=None,
            start_date=EARLIEST,
            catchup=False,
            max_active_runs=2,  # drawing takes a whole core
            is_paused_upon_creation=False,
            tags=["driftgate", "reports"],
            default_args={"owner": "driftgate", "retries": 1, "retry_delay": RETRY_DELAY, "retry_policy": retry_policy(), **PROMPT},
        ) as dag:
            DrawReportOperator(task_id="draw", monitor_id="{{ params.monitor }}")
        placed(dag)

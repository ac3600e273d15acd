# The one image of Driftgate: Airflow, MLflow and the `driftgate` command in one environment (see docs/compose.md).
# Nothing secret goes into it; everything of that kind comes from the environment at run time.
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
# requirements-cluster.txt is what CeleryExecutor and KubernetesExecutor need; both files agree on every version.
COPY requirements.txt requirements-cluster.txt /tmp/
# Bytecode halves every cold import. "unchecked-hash" keeps it valid whatever happens to file times on the way between
# layers. A few packages ship templates that are no valid Python; compileall reports them and they do not matter.
RUN python -m pip install --no-compile -r /tmp/requirements.txt -r /tmp/requirements-cluster.txt \
    && (python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib > /tmp/compile.log 2>&1 || true) \
    && python -c "import airflow, importlib.util; assert importlib.util.cache_from_source(airflow.__file__) == airflow.__cached__"

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 50000 driftgate \
    && useradd --uid 50000 --gid 50000 --home-dir /opt/driftgate/home --create-home --no-log-init driftgate
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/opt/driftgate:/opt/driftgate/include:/opt/driftgate/plugins \
    DRIFTGATE_PROJECT_ROOT=/opt/driftgate \
    DRIFTGATE_HOME=/opt/driftgate/state \
    AIRFLOW_HOME=/opt/driftgate/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/driftgate/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/driftgate/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    MKL_NUM_THREADS=1 \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    SCARF_ANALYTICS=false \
    DO_NOT_TRACK=1 \
    GIT_PYTHON_REFRESH=quiet \
    GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true
WORKDIR /opt/driftgate
COPY pyproject.toml README.md ./
COPY great_expectations great_expectations
COPY dags dags
COPY plugins plugins
COPY include include
# The folders that named volumes are mounted on: a new volume takes over their owner, so no service has to start as root.
# The command `driftgate` comes from pyproject.toml: an editable install keeps the layout of the repository.
RUN python -m pip install --no-cache-dir --no-deps --no-compile --editable . \
    && python -m compileall -q --invalidation-mode unchecked-hash include/driftgate plugins \
    && install -d -o driftgate -g driftgate state airflow airflow/logs airflow/auth mlflow mlflow/artifacts data
USER driftgate
CMD ["driftgate", "--help"]

#!/usr/bin/env bash
# Starts the real stack from docker-compose.yml with throw-away secrets and volumes, waits until every service is healthy,
# asks each one a question, and removes everything again. Needs Docker with Compose and free ports; takes some minutes.
#
#   tests/compose/check_compose.sh                      all services
#   SERVICES="postgres mlflow" tests/compose/check_compose.sh    only these (with what they depend on)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
export AIRFLOW_PORT=${AIRFLOW_PORT:-18080} MLFLOW_PORT=${MLFLOW_PORT:-15000} GRAFANA_PORT=${GRAFANA_PORT:-13000} ADMINER_PORT=${ADMINER_PORT:-18081}
read -r -a services <<<"${SERVICES:-postgres mlflow airflow-apiserver airflow-scheduler airflow-dag-processor airflow-triggerer grafana adminer}"
python=$(command -v python3)

if docker compose version >/dev/null 2>&1; then
    command=(docker compose)
elif command -v docker-compose >/dev/null; then
    command=(docker-compose)
else
    echo "check_compose: neither 'docker compose' nor 'docker-compose' is here" >&2
    exit 2
fi

compose() {
    (cd "$root" && "${command[@]}" --env-file "$work/.env" --project-name "driftgate-check-$$" "$@")
}

clean_up() {
    status=$?
    if [ "$status" -ne 0 ]; then
        compose ps || true
        compose logs --tail=20 || true
    fi
    compose --profile cli down --volumes --remove-orphans >"$work/down.log" 2>&1 || cat "$work/down.log"
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT

wanted() {
    [[ " ${services[*]} " == *" $1 "* ]]
}

health() {
    local id
    id=$(compose ps -q "$1")
    docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' "$id"
}

wait_until_healthy() {
    local deadline=$((SECONDS + ${TIMEOUT:-300}))
    for service in "${services[@]}"; do
        until [ "$(health "$service")" = healthy ]; do
            if [ "$SECONDS" -ge "$deadline" ]; then
                echo "check_compose: $service is $(health "$service") after ${TIMEOUT:-300} s" >&2
                return 1
            fi
            sleep 2
        done
        echo "  $service is healthy"
    done
}

# answers NAME EXPECTED_STATUS CURL_ARGUMENT...
answers() {
    local name=$1 expected=$2 status
    shift 2
    status=$(curl --silent --show-error --max-time 30 --output /dev/null --write-out '%{http_code}' "$@")
    if [ "$status" != "$expected" ]; then
        echo "check_compose: $name answers $status instead of $expected" >&2
        return 1
    fi
    echo "  $name answers $expected"
}

login_body() {
    "$python" -c 'import json, sys; print(json.dumps({"username": "admin", "password": sys.argv[1]}))' "$1"
}

roles_are_ready() {
    local tables
    tables=$(compose exec -T -u postgres postgres psql -d driftgate -Atc "SELECT count(*) FROM pg_tables WHERE schemaname = 'driftgate'")
    [ "$tables" -ge 7 ] || { echo "check_compose: only $tables tables in schema driftgate" >&2; return 1; }
    echo "  postgres holds $tables tables of records"
}

echo "1. a .env without secrets is refused"
cp "$root/.env.example" "$work/.env"
if compose config >/dev/null 2>&1; then
    echo "check_compose: compose accepted empty passwords" >&2
    exit 1
fi
rm "$work/.env"

echo "2. build and start"
"$python" "$root/include/compose/make_env.py" "$work/.env" >/dev/null
# shellcheck disable=SC1091
. "$work/.env"
compose build --quiet "${BUILD_SERVICE:-airflow-init}"
compose up --detach "${services[@]}" >"$work/up.log" 2>&1 || { cat "$work/up.log"; exit 1; }

echo "3. health"
wait_until_healthy

echo "4. answers"
if wanted airflow-apiserver; then
    url=http://127.0.0.1:$AIRFLOW_PORT
    answers "Airflow" 200 "$url/api/v2/monitor/health"
    answers "Airflow, login" 201 --json "$(login_body "$AIRFLOW_ADMIN_PASSWORD")" "$url/auth/token"
    answers "Airflow, wrong password" 401 --json "$(login_body admin)" "$url/auth/token"
    answers "Airflow, nobody" 401 "$url/api/v2/dags"
    roles_are_ready
fi
if wanted mlflow; then
    url=http://127.0.0.1:$MLFLOW_PORT
    answers "MLflow" 200 "$url/api/2.0/mlflow/experiments/search?max_results=1"
    answers "MLflow under a foreign name" 403 --header "Host: evil.example" "$url/api/2.0/mlflow/experiments/search?max_results=1"
fi
if wanted adminer; then
    answers "Adminer" 200 "http://127.0.0.1:$ADMINER_PORT/"
fi
if wanted grafana; then
    url=http://127.0.0.1:$GRAFANA_PORT
    answers "Grafana, nobody" 401 "$url/api/search"
    answers "Grafana, dashboard" 200 --user "admin:$GRAFANA_ADMIN_PASSWORD" "$url/api/dashboards/uid/driftgate-overview"
    answers "Grafana, data source" 200 --user "admin:$GRAFANA_ADMIN_PASSWORD" "$url/api/datasources/uid/driftgate-postgres/health"
fi
echo "all of it works"

#!/usr/bin/env bash
# Makes the JSON schemas in this folder from the types that Grafana publishes (npm @grafana/schema). Needs Node.js and npm, tests do not.
# Usage: bash include/grafana/schema/generate.sh [version of @grafana/schema]
set -euo pipefail

version=${1:-13.2.3}
generator=2.4.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent "@grafana/schema@$version" "ts-json-schema-generator@$generator"
types=node_modules/@grafana/schema/dist/types/raw
cat >tsconfig.json <<'JSON'
{"compilerOptions": {"module": "esnext", "moduleResolution": "bundler", "target": "es2022", "strict": true, "skipLibCheck": true, "noEmit": true}}
JSON

schema() { # file of types, type, name of the schema
    npx --no-install ts-json-schema-generator --tsconfig tsconfig.json --path "$1" --type "$2" --no-type-check --jsDoc none --out "$here/$3.json"
}

schema "$types/dashboard/x/types.gen.d.ts" Dashboard dashboard
for panel in timeseries stat gauge bargauge table heatmap status-history; do # the name of a folder has no dash
    source=$types/composable/${panel//-/}/panelcfg/x/types.gen.d.ts
    schema "$source" Options "$panel-options"
    if grep -q "export interface FieldConfig" "$source"; then
        schema "$source" FieldConfig "$panel-field"
    fi
done
echo "@grafana/schema $version, ts-json-schema-generator $generator" >"$here/VERSION"

#!/bin/sh
# Brings data sets for four clients, registers them, makes a run and triggers its first round. Needs gcloud, jq and what was applied.
set -eu
cd "$(dirname "$0")/.."
output() { terraform -chdir=terraform output "$@"; }
API_URL=$(output -raw api_url)
TOKEN=$(gcloud auth print-identity-token --include-email --audiences="$API_URL" --impersonate-service-account="$(output -raw operator)")
fed() { curl -sS --fail-with-body -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" "$@"; }

npm run data -- --clients 4 --out dist/data
gcloud storage cp -r dist/data/clients dist/data/evaluation "gs://$(output -json buckets | jq -r .data)/"
for client in clinic-01 clinic-02 clinic-03 clinic-04; do
  fed "$API_URL/v1/clients" -d "{
    \"clientId\": \"$client\", \"url\": \"$(output -raw client_url)\", \"serviceAccount\": \"$(output -raw client_account)\"
  }" >/dev/null
done
RUN=$(fed "$API_URL/v1/runs" -d '{
  "name": "first run",
  "model": { "builtin": "mnist-cnn" },
  "selection": { "strategy": "random", "cohortSize": 4 },
  "round": { "deadlineSeconds": 300 }
}' | jq -r .runId)
# The run is ready once its initial weights are made.
fed --retry 20 --retry-delay 3 --retry-all-errors -X POST "$API_URL/v1/runs/$RUN/rounds"
printf '\nRun %s: its first round is triggered.\n' "$RUN"

#!/bin/sh
# Brings data sets for four clients, registers them, makes a run and triggers its first round. Needs gcloud, jq and what was applied.
# It stops at the first thing that fails: for sh, what a pipe begins with must not fail unseen, so answers are kept first.
set -eu
cd "$(dirname "$0")/.."
output() { terraform -chdir=terraform output "$@"; }
API_URL=$(output -raw api_url)
REGISTRATION=$(output -json client_registration)
OPERATOR=$(output -raw operator)
BUCKETS=$(output -json buckets)
DATA=$(printf '%s' "$BUCKETS" | jq -er .data)
TOKEN=$(gcloud auth print-identity-token --include-email --audiences="$API_URL" --impersonate-service-account="$OPERATOR")

# post KEY URL ...: a call that comes twice, because its answer was lost, has no further effect.
STARTED=$(date +%s)-$$
post() {
  key="$STARTED-$1"
  shift
  curl -sS --fail-with-body -X POST -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -H "Idempotency-Key: $key" "$@"
}

npm run data -- --clients 4 --out dist/data
gcloud storage cp -r dist/data/clients dist/data/evaluation "gs://$DATA/" --impersonate-service-account="$OPERATOR"
for client in clinic-01 clinic-02 clinic-03 clinic-04; do
  ENTRY=$(printf '%s' "$REGISTRATION" | jq -ce --arg id "$client" '{ clientId: $id } + .')
  ANSWER=$(post "$client" "$API_URL/v1/clients" -d "$ENTRY") || { printf '%s\n' "$ANSWER" >&2; exit 1; }
done
ANSWER=$(post run "$API_URL/v1/runs" -d '{
  "name": "first run",
  "model": { "builtin": "mnist-cnn" },
  "selection": { "strategy": "random", "cohortSize": 4 },
  "round": { "deadlineSeconds": 300 }
}') || { printf '%s\n' "$ANSWER" >&2; exit 1; }
RUN=$(printf '%s' "$ANSWER" | jq -er .runId)
# The run is ready once its initial weights are made.
post round --retry 20 --retry-delay 3 --retry-all-errors "$API_URL/v1/runs/$RUN/rounds"
printf '\nRun %s: its first round is triggered.\n' "$RUN"

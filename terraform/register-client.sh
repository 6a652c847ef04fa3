#!/bin/sh
# Registers a client of another organisation: sh terraform/register-client.sh FILE, the JSON that it made with
# terraform output -json registration. The file is data only: it is checked before it is sent, and nothing in it is run.
set -eu
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}
[ $# -eq 1 ] || fail "usage: sh terraform/register-client.sh FILE"
[ -f "$1" ] || fail "There is no file $1."
[ "$(wc -c <"$1")" -le 16384 ] || fail "$1 is larger than a registration can be (16 KiB)."
output() { terraform -chdir="$(dirname "$0")" output "$@"; }
ACCOUNTS=$(output -json client_accounts)

# Reads all of the file, so that a second document is seen; \A and \z, because $ also matches before a line break.
PROBLEMS=$(jq -r --slurp --argjson accounts "$ACCOUNTS" '
  def is(test): try test catch false;
  def whole(low; high): type == "number" and . == floor and . >= low and . <= high;
  def text(pattern): type == "string" and test(pattern);
  def keys_of(allowed): type == "object" and (keys - allowed) == [];
  def need(ok; what): if is(ok) then empty else what end;
  if length != 1 or (.[0] | type) != "object" then "it must hold one JSON object"
  else .[0] |
    need(keys_of(["capacity", "clientId", "dataCard", "labels", "serviceAccount", "url"]);
      "it may hold clientId, url, serviceAccount, capacity, dataCard and labels only"),
    need(.clientId | text("\\A[a-z0-9][a-z0-9-]{0,62}\\z"); "clientId must be 1 to 63 lower-case letters, digits and hyphens"),
    need(.url | text("\\Ahttps://[a-z][a-z0-9-]*\\.[a-z0-9-]+\\.run\\.app\\z");
      "url must be the address of a function, https://NAME-NUMBER.REGION.run.app, without a path"),
    need(.serviceAccount as $account | $accounts | index([$account]) != null;
      "serviceAccount must be one of client_accounts: add it there and apply first"),
    need(.capacity | keys_of(["memoryMib", "timeoutSeconds", "vcpu"]); "capacity must hold memoryMib, vcpu and timeoutSeconds"),
    need(.capacity.memoryMib | whole(128; 32768); "capacity.memoryMib must be a whole number from 128 to 32768"),
    need(.capacity.vcpu | type == "number" and . >= 0.08 and . <= 8; "capacity.vcpu must be a number from 0.08 to 8"),
    need(.capacity.timeoutSeconds | whole(15; 1800); "capacity.timeoutSeconds must be a whole number from 15 to 1800"),
    need((.dataCard // {}) | keys_of(["classes", "description", "samples"]);
      "dataCard may hold description, samples and classes only"),
    need((.labels // {}) | type == "object" and all(.[]; type == "string"); "labels must be texts")
  end
' "$1" 2>/dev/null) || fail "$1 is not JSON."
if [ -n "$PROBLEMS" ]; then
  printf '%s cannot be registered:\n%s\n' "$1" "$(printf '%s\n' "$PROBLEMS" | sed 's/^/- /')" >&2
  exit 1
fi

jq '{ clientId, url, serviceAccount, capacity }' "$1"
API_URL=$(output -raw api_url)
OPERATOR=$(output -raw operator)
TOKEN=$(gcloud auth print-identity-token --include-email --audiences="$API_URL" --impersonate-service-account="$OPERATOR")
jq -c . "$1" | curl -sS --fail-with-body -X POST -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  --data-binary @- "$API_URL/v1/clients"
printf '\nRegistered.\n'

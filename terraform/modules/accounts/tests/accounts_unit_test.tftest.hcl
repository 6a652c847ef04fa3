# Tests of the accounts: plans, and values that are refused.
variables {
  project_grants = []
  accounts       = { api = "fedstratus-api" }
  account_grants = { api = [{ role = "roles/iam.serviceAccountTokenCreator", member = "serviceAccount:fedstratus-api@lab-1234.iam.gserviceaccount.com" }] }
  project_id     = "lab-1234"
}

run "account_signs_for_itself" {
  command = plan
  assert {
    condition     = [for grant in google_service_account_iam_member.main : grant.role] == ["roles/iam.serviceAccountTokenCreator"]
    error_message = "The grant is on the account."
  }
}

run "rejects_broad_roles" {
  command         = plan
  expect_failures = [var.project_grants]
  variables {
    project_grants = [{ role = "roles/editor", member = "serviceAccount:fedstratus-api@lab-1234.iam.gserviceaccount.com" }]
  }
}

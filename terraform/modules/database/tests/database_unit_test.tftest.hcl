# Tests of the database: plans, and values that are refused.
variables {
  database_id            = "(default)"
  delete_protection      = true
  grants                 = [{ role = "roles/datastore.user", member = "serviceAccount:fedstratus-api@lab-1234.iam.gserviceaccount.com" }]
  point_in_time_recovery = true
  project_id             = "lab-1234"
  region                 = "europe-west1"
}

run "grants_reach_this_database_only" {
  command = plan
  assert {
    condition     = alltrue([for grant in google_project_iam_member.main : grant.condition[0].expression == "resource.name == \"projects/lab-1234/databases/(default)\""])
    error_message = "The condition names the database."
  }
  assert {
    condition     = alltrue([for grant in google_project_iam_member.main : grant.condition[0].title == "database-default"])
    error_message = "A title holds no brackets."
  }
  assert {
    condition     = google_firestore_database.main.delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.main.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
    error_message = "Protected, and restorable when asked."
  }
}

run "rejects_owners" {
  command         = plan
  expect_failures = [var.grants]
  variables {
    grants = [{ role = "roles/datastore.owner", member = "serviceAccount:fedstratus-api@lab-1234.iam.gserviceaccount.com" }]
  }
}

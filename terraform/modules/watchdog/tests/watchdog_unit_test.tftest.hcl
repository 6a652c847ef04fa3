# Tests of the watchdog: plans, and values that are refused.
variables {
  schedule         = "*/10 * * * *"
  coordinator_url  = "https://fedstratus-coordinator-123456789012.europe-west1.run.app"
  deadline_seconds = 60
  invoker_email    = "fedstratus-control-invoker@lab-1234.iam.gserviceaccount.com"
  name             = "fedstratus-watchdog"
  project_id       = "lab-1234"
  region           = "europe-west1"
}

run "calls_as_the_control_queue_does" {
  command = plan
  assert {
    condition     = google_cloud_scheduler_job.main.http_target[0].oidc_token[0].audience == var.coordinator_url
    error_message = "The token is meant for the coordinator, not for the path."
  }
}

run "rejects_schedules_without_five_fields" {
  command         = plan
  expect_failures = [var.schedule]
  variables {
    schedule = "hourly"
  }
}

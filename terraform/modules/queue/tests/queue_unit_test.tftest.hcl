# Tests of a task queue: plans, and values that are refused.
variables {
  name         = "fedstratus-client"
  project_id   = "lab-1234"
  queue_grants = [{ role = "roles/cloudtasks.enqueuer", member = "serviceAccount:fedstratus-coordinator@lab-1234.iam.gserviceaccount.com" }]
  rate         = { max_concurrent = 100, max_per_second = 10 }
  region       = "europe-west1"
  retry        = { max_attempts = 3, min_backoff_seconds = 0.2, max_backoff_seconds = 30, max_doublings = 4 }
}

run "waits_in_seconds" {
  command = plan
  assert {
    condition     = google_cloud_tasks_queue.main.retry_config[0].min_backoff == "0.2s"
    error_message = "Times are seconds with an s."
  }
}

run "rejects_rates_and_retries_that_do_not_exist" {
  command         = plan
  expect_failures = [var.rate, var.retry]
  variables {
    rate  = { max_concurrent = 6000, max_per_second = 10 }
    retry = { max_attempts = 0, min_backoff_seconds = 5, max_backoff_seconds = 1, max_doublings = 4 }
  }
}

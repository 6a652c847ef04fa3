# Asks the coordinator, every few minutes, to find stalled runs and to resume them.
resource "google_cloud_scheduler_job" "main" {
  project          = var.project_id
  region           = var.region
  name             = var.name
  description      = "Resumes stalled runs."
  schedule         = var.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "${var.deadline_seconds}s"

  retry_config {
    retry_count = 0 # The next one comes soon enough.
  }

  http_target {
    http_method = "POST"
    uri         = "${var.coordinator_url}/watchdog"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode("{}")

    oidc_token {
      service_account_email = var.invoker_email
      audience              = var.coordinator_url
    }
  }
}

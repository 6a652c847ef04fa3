# One task queue.
resource "google_cloud_tasks_queue" "main" {
  project  = var.project_id
  location = var.region
  name     = var.name

  rate_limits {
    max_concurrent_dispatches = var.rate.max_concurrent
    max_dispatches_per_second = var.rate.max_per_second
  }

  retry_config {
    max_attempts  = var.retry.max_attempts
    min_backoff   = "${var.retry.min_backoff_seconds}s"
    max_backoff   = "${var.retry.max_backoff_seconds}s"
    max_doublings = var.retry.max_doublings
  }
}

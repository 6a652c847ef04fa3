# One function (2nd gen), running as an account of its own.
resource "google_cloudfunctions2_function" "main" {
  project     = var.project_id
  location    = var.region
  name        = var.name
  description = var.description

  build_config {
    runtime           = var.runtime
    entry_point       = var.entry_point
    service_account   = "projects/${var.project_id}/serviceAccounts/${var.build.account_email}"
    docker_repository = var.build.repository

    source {
      storage_source {
        bucket = google_storage_bucket_object.source.bucket
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = var.account_email
    available_memory                 = "${var.limits.memory_mib}Mi"
    available_cpu                    = tostring(var.limits.vcpu)
    timeout_seconds                  = var.limits.timeout_seconds
    max_instance_request_concurrency = var.limits.concurrency
    min_instance_count               = var.limits.min_instances
    max_instance_count               = var.limits.max_instances
    ingress_settings                 = var.ingress
    all_traffic_on_latest_revision   = true
    environment_variables            = var.environment
  }
}

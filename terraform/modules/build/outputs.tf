# The build account's outputs.
output "build" {
  description = "What building a function takes: account, image repository and sources bucket."
  value = {
    account_email  = var.build_account_email
    repository     = "projects/${var.project_id}/locations/${var.region}/repositories/${var.repository_id}"
    sources_bucket = var.sources_bucket
  }

  depends_on = [
    google_storage_bucket.sources,
    time_sleep.granted,
  ]
}

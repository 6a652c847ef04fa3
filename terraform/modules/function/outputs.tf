# A function's outputs.
output "uri" {
  description = "Address that Cloud Run reports for it."
  value       = google_cloudfunctions2_function.main.service_config[0].uri

  depends_on = [google_cloud_run_service_iam_member.invoker]
}

# What a function tells.
output "id" {
  description = "Id of the function."
  value       = google_cloudfunctions2_function.main.id

  depends_on = [google_cloud_run_service_iam_member.invoker]
}

output "name" {
  description = "Name of the function and of its Cloud Run service."
  value       = google_cloudfunctions2_function.main.name
}

output "uri" {
  description = "Address that Cloud Run reports for it."
  value       = google_cloudfunctions2_function.main.service_config[0].uri

  depends_on = [google_cloud_run_service_iam_member.invoker]
}

# What metrics, dashboard and alerts tells.
output "dashboard_id" {
  description = "Id of the dashboard."
  value       = google_monitoring_dashboard.main.id
}

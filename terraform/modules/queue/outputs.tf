# What a task queue tells.
output "name" {
  description = "Id of the queue."
  value       = google_cloud_tasks_queue.main.name

  depends_on = [google_cloud_tasks_queue_iam_member.main]
}

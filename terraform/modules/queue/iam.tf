# Who may use it.
resource "google_cloud_tasks_queue_iam_member" "main" {
  for_each = { for grant in var.queue_grants : "${grant.role} ${grant.member}" => grant }

  project  = var.project_id
  location = var.region
  name     = google_cloud_tasks_queue.main.name
  role     = each.value.role
  member   = each.value.member
}

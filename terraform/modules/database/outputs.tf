# What the database tells.
output "database_id" {
  description = "Id of the database."
  value       = google_firestore_database.main.name

  depends_on = [google_project_iam_member.main]
}

output "expiring" {
  description = "Collections with a time to live, and the field that says when."
  value       = local.expiring
}

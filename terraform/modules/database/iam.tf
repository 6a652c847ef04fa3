# Firestore has no policy on a database; the condition keeps the grant to this one.
resource "google_project_iam_member" "main" {
  for_each = { for grant in var.grants : "${grant.role} ${grant.member}" => grant }

  project = var.project_id
  role    = each.value.role
  member  = each.value.member

  condition {
    title      = "database-${trim(var.database_id, "()")}"
    expression = "resource.name == \"projects/${var.project_id}/databases/${var.database_id}\""
  }
}

# What the account that builds functions may do.
resource "google_artifact_registry_repository_iam_member" "main" {
  for_each = { for grant in var.repository_grants : "${grant.role} ${grant.member}" => grant }

  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.main.repository_id
  role       = each.value.role
  member     = each.value.member
}

# Cloud Functions copies sources into a bucket of its own making, which is not there before the first build.
resource "google_project_iam_member" "build_sources" {
  for_each = { for grant in var.build_sources_grants : "${grant.role} ${grant.member}" => grant }

  project = var.project_id
  role    = each.value.role
  member  = each.value.member

  condition {
    title      = "sources-of-functions"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}

# A grant takes about a minute to be known everywhere; a build that begins before fails.
resource "time_sleep" "granted" {
  create_duration = "60s"
  triggers = {
    grants = join(" ", [for grant in concat(var.repository_grants, var.build_sources_grants) : "${grant.role} ${grant.member}"])
  }

  depends_on = [google_artifact_registry_repository_iam_member.main, google_project_iam_member.build_sources]
}

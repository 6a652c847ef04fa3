# A 2nd-gen function is a Cloud Run service, and that is where calls are allowed.
resource "google_cloud_run_service_iam_member" "invoker" {
  for_each = { for grant in var.service_grants : "${grant.role} ${grant.member}" => grant }

  project  = var.project_id
  location = var.region
  service  = google_cloudfunctions2_function.main.name
  role     = each.value.role
  member   = each.value.member
}

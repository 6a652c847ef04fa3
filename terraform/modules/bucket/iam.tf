# Who may use it.
resource "google_storage_bucket_iam_member" "main" {
  for_each = { for grant in var.grants : "${grant.role} ${grant.member}" => grant }

  bucket = google_storage_bucket.main.name
  role   = each.value.role
  member = each.value.member
}

# A new bucket lets viewers of the whole project list it and read it, and editors read it. Here owners only
# may.
resource "google_storage_bucket_iam_binding" "inherited" {
  for_each = toset(["roles/storage.legacyBucketReader", "roles/storage.legacyObjectOwner", "roles/storage.legacyObjectReader"])

  bucket  = google_storage_bucket.main.name
  role    = each.value
  members = ["projectOwner:${var.project_id}"]
}

locals {
  folder_grants = merge([
    for folder, grants in var.folders : {
      for grant in grants : "${folder} ${grant.role} ${grant.member}" => merge(grant, { folder = folder })
    }
  ]...)
}

resource "google_storage_managed_folder_iam_member" "main" {
  for_each = local.folder_grants

  bucket         = google_storage_bucket.main.name
  managed_folder = google_storage_managed_folder.main[each.value.folder].name
  role           = each.value.role
  member         = each.value.member
}

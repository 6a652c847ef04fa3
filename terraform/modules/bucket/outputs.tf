# What a bucket tells.
output "name" {
  description = "Name of the bucket."
  value       = google_storage_bucket.main.name

  depends_on = [
    google_storage_bucket_iam_binding.inherited,
    google_storage_bucket_iam_member.main,
    google_storage_managed_folder_iam_member.main,
  ]
}

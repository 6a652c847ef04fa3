# The archive's name holds the hash of its content: a changed bundle is a new object, and so a new revision.
resource "google_storage_bucket_object" "source" {
  bucket       = var.build.sources_bucket
  name         = "functions/${basename(var.archive)}"
  source       = var.archive
  content_type = "application/zip"
}

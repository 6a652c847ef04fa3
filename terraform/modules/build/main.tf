# Where the sources and the images of functions lie.
check "region" {
  assert {
    condition     = contains(["asia-east1", "australia-southeast1", "europe-west1", "southamerica-east1", "us-central1", "us-west2"], var.region)
    error_message = "A new project may build functions in asia-east1, australia-southeast1, europe-west1, southamerica-east1, us-central1 and us-west2 only; elsewhere, the first build fails unless your project has built in ${var.region} before or Google's support has allowed it."
  }
}

resource "google_storage_bucket" "sources" {
  project                     = var.project_id
  name                        = var.sources_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true
  labels                      = var.labels

  # Archives are made again by npm run bundle.
  soft_delete_policy {
    retention_duration_seconds = 0
  }
}

resource "google_artifact_registry_repository" "main" {
  project       = var.project_id
  location      = var.region
  repository_id = var.repository_id
  description   = "Images of the functions."
  format        = "DOCKER"
  labels        = var.labels

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }
}

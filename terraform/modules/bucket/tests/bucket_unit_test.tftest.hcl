# Tests of a bucket: plans, and values that are refused.
variables {
  grants            = []
  labels            = { application = "fedstratus" }
  delete_protection = true
  expiring          = [{ age_days = 30, noncurrent_days = 1, suffixes = ["-1.safetensors"] }]
  folders           = { clients = [{ role = "roles/storage.objectViewer", member = "serviceAccount:fedstratus-client@lab-1234.iam.gserviceaccount.com" }] }
  name              = "lab-1234-fedstratus-models"
  project_id        = "lab-1234"
  region            = "europe-west1"
  versioning        = true
}

run "is_private_and_kept" {
  command = plan
  assert {
    condition     = google_storage_bucket.main.uniform_bucket_level_access && google_storage_bucket.main.public_access_prevention == "enforced" && !google_storage_bucket.main.force_destroy
    error_message = "Uniform access, never public, kept when the deployment goes."
  }
  assert {
    condition     = length(google_storage_managed_folder_iam_member.main) == 1 && length(google_storage_bucket_iam_member.main) == 0
    error_message = "A folder's grant is not one on the bucket."
  }
}

run "keeps_what_expires_no_longer_than_told" {
  command = plan
  variables {
    expiring         = [{ age_days = 30, noncurrent_days = 1, suffixes = ["-1.safetensors"] }]
    soft_delete_days = 0
  }
  assert {
    condition = anytrue([
      for rule in google_storage_bucket.main.lifecycle_rule :
      one(rule.condition).days_since_noncurrent_time == 1 && jsonencode(one(rule.condition).matches_suffix) == jsonencode(["-1.safetensors"])
    ])
    error_message = "A deleted object that would have expired is gone after a day."
  }
  assert {
    condition     = google_storage_bucket.main.soft_delete_policy[0].retention_duration_seconds == 0
    error_message = "No soft delete where it is not wanted."
  }
}

run "rejects_days_that_soft_delete_does_not_know" {
  command         = plan
  expect_failures = [var.soft_delete_days]
  variables {
    soft_delete_days = 3
  }
}

run "rejects_expiry_of_everything" {
  command         = plan
  expect_failures = [var.expiring]
  variables {
    expiring = [{ age_days = 30, noncurrent_days = 1, suffixes = [] }]
  }
}

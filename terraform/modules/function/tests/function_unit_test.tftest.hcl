# Tests of a function: plans, and values that are refused.
variables {
  description   = "People and scripts"
  labels        = { application = "fedstratus" }
  account_email = "fedstratus-api@lab-1234.iam.gserviceaccount.com"
  build = {
    account_email  = "fedstratus-build@lab-1234.iam.gserviceaccount.com"
    repository     = "projects/lab-1234/locations/europe-west1/repositories/fedstratus"
    sources_bucket = "lab-1234-fedstratus-sources"
  }
  entry_point    = "api"
  environment    = { MODEL_BUCKET = "lab-1234-fedstratus-models" }
  ingress        = "ALLOW_ALL"
  limits         = { concurrency = 80, max_instances = 3, memory_mib = 512, min_instances = 0, timeout_seconds = 60, vcpu = 1 }
  name           = "fedstratus-api"
  project_id     = "lab-1234"
  region         = "europe-west1"
  runtime        = "nodejs24"
  service_grants = [{ role = "roles/run.invoker", member = "user:ada@example.org" }]
}

run "is_named_after_its_content" {
  command = plan
  assert {
    condition     = can(regex("^functions/api-[0-9a-f]{16}\\.zip$", google_storage_bucket_object.source.name))
    error_message = "A changed bundle is another object."
  }
}

run "rejects_strangers_and_bad_limits" {
  command         = plan
  expect_failures = [var.service_grants, var.limits, var.runtime]
  variables {
    limits         = { concurrency = 2, max_instances = 3, memory_mib = 512, min_instances = 0, timeout_seconds = 60, vcpu = 0.5 }
    runtime        = "nodejs20"
    service_grants = [{ role = "roles/run.invoker", member = "allUsers" }]
  }
}

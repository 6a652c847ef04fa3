# Tests of what builds functions: plans, and values that are refused.
variables {
  labels               = { application = "fedstratus" }
  build_account_email  = "fedstratus-build@lab-1234.iam.gserviceaccount.com"
  build_sources_grants = [{ role = "roles/storage.objectViewer", member = "serviceAccount:fedstratus-build@lab-1234.iam.gserviceaccount.com" }]
  project_id           = "lab-1234"
  region               = "europe-west1"
  repository_grants    = [{ role = "roles/artifactregistry.writer", member = "serviceAccount:fedstratus-build@lab-1234.iam.gserviceaccount.com" }]
  repository_id        = "fedstratus"
  sources_bucket       = "lab-1234-fedstratus-sources"
}

run "reads_sources_of_functions_only" {
  command = plan
  assert {
    condition     = alltrue([for grant in google_project_iam_member.build_sources : strcontains(grant.condition[0].expression, "gcf-v2-sources-")])
    error_message = "The grant on the project has its condition."
  }
}

run "rejects_roles_on_everything" {
  command         = plan
  expect_failures = [var.build_sources_grants]
  variables {
    build_sources_grants = [{ role = "roles/editor", member = "serviceAccount:fedstratus-build@lab-1234.iam.gserviceaccount.com" }]
  }
}

run "warns_of_a_region_where_a_new_project_may_not_build" {
  command         = plan
  expect_failures = [check.region]
  variables {
    region = "europe-west3"
  }
}

run "builds_in_asia_east1" {
  command = plan
  variables {
    region = "asia-east1"
  }
}

run "builds_in_australia_southeast1" {
  command = plan
  variables {
    region = "australia-southeast1"
  }
}

run "builds_in_southamerica_east1" {
  command = plan
  variables {
    region = "southamerica-east1"
  }
}

run "builds_in_us_central1" {
  command = plan
  variables {
    region = "us-central1"
  }
}

run "builds_in_us_west2" {
  command = plan
  variables {
    region = "us-west2"
  }
}

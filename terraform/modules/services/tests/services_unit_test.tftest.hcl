# Tests of the services: plans, and values that are refused.
variables {
  project_id = "lab-1234"
  services   = ["run.googleapis.com"]
}

run "services_outlive_the_deployment" {
  command = plan
  assert {
    condition     = !google_project_service.main["run.googleapis.com"].disable_on_destroy
    error_message = "Others may use the service too."
  }
}

run "rejects_names_without_domain" {
  command         = plan
  expect_failures = [var.services]
  variables {
    services = ["run"]
  }
}

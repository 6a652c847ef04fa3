# Tests of metrics, dashboard and alerts: plans, and values that are refused.
variables {
  alert_emails   = []
  budget         = null
  project_number = "123456789012"
  labels         = { application = "fedstratus" }
  prefix         = "fedstratus"
  project_id     = "lab-1234"
  services       = ["fedstratus-api", "fedstratus-coordinator"]
}

run "counts_own_services_only" {
  command = plan
  assert {
    condition     = alltrue([for metric in google_logging_metric.counter : strcontains(metric.filter, "\"fedstratus-api\" OR \"fedstratus-coordinator\"")])
    error_message = "Other services of the project are not counted."
  }
  assert {
    condition     = length(google_billing_budget.main) == 0
    error_message = "No budget unless one is given."
  }
}

run "rejects_half_a_budget" {
  command         = plan
  expect_failures = [var.budget]
  variables {
    budget = { amount = 0, billing_account = "mine" }
  }
}

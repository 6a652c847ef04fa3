# project_id, project_number, region, operators and archives_dir are given from outside.

run "five_functions" {
  command = plan
  assert {
    condition     = jsonencode(keys(output.functions)) == jsonencode(["aggregator", "api", "client", "coordinator", "evaluator"])
    error_message = "Five functions, each with an address."
  }
}

run "budget_needs_its_service" {
  command = plan
  variables {
    budget = { amount = 20, billing_account = "012345-6789AB-CDEF01" }
  }
  assert {
    condition     = contains(local.services, "billingbudgets.googleapis.com")
    error_message = "A budget enables the service that it is made with."
  }
}

run "rejects_values_that_cannot_be" {
  command         = plan
  expect_failures = [var.unused_update_days, var.watchdog_schedule]
  variables {
    unused_update_days = 1
    watchdog_schedule  = "hourly"
  }
}

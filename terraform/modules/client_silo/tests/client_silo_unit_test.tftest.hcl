# Tests of an organisation's own client: plans, and values that are refused.
variables {
  client_id = "clinic-07"
  federation = {
    coordinator_url = "https://fedstratus-coordinator-123456789012.europe-west1.run.app"
    task_invoker    = "fedstratus-client-invoker@lab-1234.iam.gserviceaccount.com"
  }
  project_id     = "clinic-07-data"
  project_number = "210987654321"
  region         = "europe-west1"
}

run "registers_what_it_is" {
  command = plan
  assert {
    condition     = output.registration.serviceAccount == "fedstratus-client@clinic-07-data.iam.gserviceaccount.com" && output.registration.capacity.memoryMib == 2048
    error_message = "The registration names the account and the size of the function."
  }
}

run "rejects_a_caller_that_is_no_service_account" {
  command         = plan
  expect_failures = [var.federation]
  variables {
    federation = {
      coordinator_url = "https://coordinator.example.org"
      task_invoker    = "ada@example.org"
    }
  }
}

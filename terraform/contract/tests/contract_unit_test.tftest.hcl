# Tests of the contract: plans, and values that are refused.
variables {
  client_accounts        = []
  client_dispatch        = { max_concurrent = null, max_per_second = 500 }
  database_id            = null
  function_overrides     = {}
  prefix                 = "fedstratus"
  runtime                = "nodejs24"
  require_native_tensors = true
  operators              = ["ada@example.org", "ci@tools-1234.iam.gserviceaccount.com"]
  project_id             = "lab-1234"
  project_number         = "123456789012"
  region                 = "europe-west1"
}

run "names" {
  command = plan

  assert {
    condition     = output.functions.api.url == "https://fedstratus-api-123456789012.europe-west1.run.app"
    error_message = "The address of a function is that of its Cloud Run service."
  }

  assert {
    condition     = alltrue([for account in output.accounts : length(account.account_id) >= 6 && length(account.account_id) <= 30])
    error_message = "Ids of service accounts have 6 to 30 characters."
  }

  assert {
    condition     = alltrue([for bucket in output.buckets : length(bucket) <= 63])
    error_message = "Names of buckets have at most 63 characters."
  }
}

run "longest_names" {
  command = plan

  variables {
    prefix     = "federation-abc"
    project_id = "a-project-with-30-characters-x"
  }

  assert {
    condition     = alltrue([for account in output.accounts : length(account.account_id) <= 30])
    error_message = "The longest prefix fits into ids of service accounts."
  }

  assert {
    condition     = alltrue([for bucket in output.buckets : length(bucket) <= 63])
    error_message = "The longest prefix fits into names of buckets."
  }
}

run "shortest_names" {
  command = plan

  variables {
    prefix = "abc"
  }

  assert {
    condition     = output.database_id == "abc-db" && output.environment.api.FIRESTORE_DATABASE == "abc-db"
    error_message = "Ids of databases have at least 4 characters."
  }
}

run "names_of_four" {
  command = plan

  variables {
    prefix = "abcd"
  }

  assert {
    condition     = output.database_id == "abcd"
    error_message = "A prefix that is long enough is the database's id."
  }
}

run "grants" {
  command = plan

  assert {
    condition = jsonencode(output.grants.api) == jsonencode([
      { member = "serviceAccount:ci@tools-1234.iam.gserviceaccount.com", role = "roles/run.invoker" },
      { member = "serviceAccount:fedstratus-operator@lab-1234.iam.gserviceaccount.com", role = "roles/run.invoker" },
    ])
    error_message = "Robots may invoke the api as themselves, people as the operator account only: their own tokens would be refused."
  }

  assert {
    condition = jsonencode(sort([
      for resource, grants in output.grants : resource
      if anytrue([for grant in grants : grant.member == "serviceAccount:fedstratus-client@lab-1234.iam.gserviceaccount.com"])
    ])) == jsonencode(["clients_data", "coordinator"])
    error_message = "The client may read its data, call the coordinator, and nothing else."
  }

  assert {
    condition     = jsonencode([for grant in output.grants.client : grant.member]) == jsonencode(["serviceAccount:fedstratus-client-invoker@lab-1234.iam.gserviceaccount.com"])
    error_message = "Only the client queue's account may invoke the client."
  }
}

run "operators_get_tokens" {
  command = plan

  assert {
    condition     = jsonencode([for grant in output.grants.operator_account : grant.member]) == jsonencode(["user:ada@example.org", "serviceAccount:ci@tools-1234.iam.gserviceaccount.com"])
    error_message = "Operators may ask for tokens of the operator account."
  }

  assert {
    condition     = output.environment.api.OPERATORS == "ci@tools-1234.iam.gserviceaccount.com,fedstratus-operator@lab-1234.iam.gserviceaccount.com"
    error_message = "Robots and the operator account may call the api."
  }
}

run "other_organisations" {
  command = plan

  variables {
    client_accounts = ["fedstratus-client@clinic-07.iam.gserviceaccount.com"]
  }

  assert {
    condition     = contains([for grant in output.grants.coordinator : grant.member], "serviceAccount:fedstratus-client@clinic-07.iam.gserviceaccount.com")
    error_message = "A client of another project may call the coordinator."
  }
}

run "overrides" {
  command = plan

  variables {
    function_overrides = { client = { memory_mib = 8192, vcpu = 2, max_instances = 50 } }
  }

  assert {
    condition     = output.functions.client.memory_mib == 8192 && output.functions.client.vcpu == 2 && output.functions.client.timeout_seconds == 540
    error_message = "Overrides replace what they name and leave the rest."
  }

  assert {
    condition     = output.environment.evaluator.MEMORY_MIB == "2048"
    error_message = "Functions that are not named keep the table's limits."
  }
}

run "calls_as_many_clients_as_there_are_instances" {
  command = plan

  variables {
    function_overrides = { client = { max_instances = 9 } }
  }

  assert {
    condition     = output.queues.client.rate.max_concurrent == 9
    error_message = "The client queue calls as many clients at once as there may be instances."
  }
}

run "rejects_more_calls_at_once_than_instances" {
  command         = plan
  expect_failures = [output.queues]
  variables {
    client_dispatch = { max_concurrent = 11, max_per_second = 500 }
  }
}

run "calls_more_where_others_have_instances" {
  command = plan

  variables {
    client_accounts = ["fedstratus-client@clinic-07.iam.gserviceaccount.com"]
    client_dispatch = { max_concurrent = 11, max_per_second = 500 }
  }

  assert {
    condition     = output.queues.client.rate.max_concurrent == 11
    error_message = "Clients of other organisations run on their own instances."
  }
}

run "rejects_memory_that_is_no_size" {
  command         = plan
  expect_failures = [output.functions]
  variables {
    function_overrides = { api = { memory_mib = 500 } }
  }
}

run "rejects_much_memory_with_one_vcpu" {
  command         = plan
  expect_failures = [output.functions]
  variables {
    function_overrides = { client = { memory_mib = 8192 } }
  }
}

run "rejects_concurrency_on_part_of_a_vcpu" {
  command         = plan
  expect_failures = [output.functions]
  variables {
    function_overrides = { api = { vcpu = 0.5 } }
  }
}

run "rejects_training_side_by_side" {
  command         = plan
  expect_failures = [output.functions]
  variables {
    function_overrides = { client = { concurrency = 2 } }
  }
}

run "rejects_more_instances_at_least_than_at_most" {
  command         = plan
  expect_failures = [output.functions]
  variables {
    function_overrides = { api = { min_instances = 3 } }
  }
}

run "rejects_a_timeout_below_the_task_deadline" {
  command         = plan
  expect_failures = [output.functions]
  variables {
    function_overrides = { aggregator = { timeout_seconds = 300 } }
  }
}

run "rejects_a_timeout_beyond_cloud_tasks" {
  command         = plan
  expect_failures = [output.functions]
  variables {
    function_overrides = { client = { timeout_seconds = 1801 } }
  }
}

run "rejects_malformed_values" {
  command = plan
  expect_failures = [
    var.client_accounts, var.client_dispatch, var.database_id, var.function_overrides, var.operators, var.prefix,
    var.project_id, var.project_number, var.region, var.runtime,
  ]
  variables {
    client_accounts    = ["clinic-07"]
    client_dispatch    = { max_concurrent = 0, max_per_second = 500 }
    database_id        = "Federation"
    function_overrides = { trainer = {} }
    operators          = ["user:ada@example.org"]
    prefix             = "Fed"
    project_id         = "lab"
    project_number     = "lab-1234"
    region             = "eu"
    runtime            = "nodejs20"
  }
}

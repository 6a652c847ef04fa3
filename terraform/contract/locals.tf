# The tables: functions, queues, buckets, accounts.
locals {
  # The one table of the functions. Concurrency 1: training and aggregation take an instance for themselves.
  # All instances together fit into what a new project may have in a region: 20 vCPUs and 40 GiB.
  table = {
    api = {
      memory_mib    = 512, vcpu = 1, timeout_seconds = 60, concurrency = 80,
      min_instances = 0, max_instances = 2, ingress = "ALLOW_ALL"
    }
    # Clients of other projects call it.
    coordinator = {
      memory_mib    = 512, vcpu = 1, timeout_seconds = 60, concurrency = 80,
      min_instances = 0, max_instances = 4, ingress = "ALLOW_ALL"
    }
    aggregator = {
      memory_mib    = 2048, vcpu = 1, timeout_seconds = 540, concurrency = 1,
      min_instances = 0, max_instances = 2, ingress = "ALLOW_INTERNAL_ONLY"
    }
    evaluator = {
      memory_mib    = 2048, vcpu = 1, timeout_seconds = 540, concurrency = 1,
      min_instances = 0, max_instances = 2, ingress = "ALLOW_INTERNAL_ONLY"
    }
    client = {
      memory_mib    = 2048, vcpu = 1, timeout_seconds = 540, concurrency = 1,
      min_instances = 0, max_instances = 10, ingress = "ALLOW_INTERNAL_ONLY"
    }
  }

  overrides = {
    for name, given in var.function_overrides : name => { for key, value in given : key => value if value != null }
  }

  # The address is the one that Cloud Run gives a service: https://SERVICE-NUMBER.REGION.run.app.
  functions = {
    for name, limits in local.table : name => merge(limits, lookup(local.overrides, name, {}), {
      name = "${var.prefix}-${name}"
      url  = "https://${var.prefix}-${name}-${var.project_number}.${var.region}.run.app"
    })
  }

  # The retries are those of infra/box/deployment.ts: a transition is tried until it is done, a client's
  # training three times.
  queues = {
    control = {
      name = "${var.prefix}-control"
      retry = {
        max_attempts = -1, min_backoff_seconds = 0.2, max_backoff_seconds = 10, max_doublings = 6
      }
      rate = { max_concurrent = 1000, max_per_second = 500 }
    }
    client = {
      name = "${var.prefix}-client"
      retry = {
        max_attempts = 3, min_backoff_seconds = 1, max_backoff_seconds = 30, max_doublings = 4
      }
      # As many calls at once as the client function has instances: what finds none free is refused, and costs
      # a try.
      rate = {
        max_concurrent = coalesce(var.client_dispatch.max_concurrent, local.functions.client.max_instances)
        max_per_second = var.client_dispatch.max_per_second
      }
    }
  }

  # How long Cloud Tasks waits for an answer of a function; those of shared/cloud/dispatch.ts.
  task_deadline_seconds = { coordinator = 60, aggregator = 540, evaluator = 540 }

  database_id = coalesce(var.database_id, length(var.prefix) < 4 ? "${var.prefix}-db" : var.prefix)

  buckets = {
    models  = "${var.project_id}-${var.prefix}-models"
    data    = "${var.project_id}-${var.prefix}-data"
    sources = "${var.project_id}-${var.prefix}-sources"
  }

  data = {
    client     = "gs://${local.buckets.data}/clients/{clientId}.safetensors"
    evaluation = "gs://${local.buckets.data}/evaluation/test.safetensors"
  }

  account_keys = [
    "api", "coordinator", "aggregator", "evaluator", "client", "control-invoker", "client-invoker", "build",
    "operator",
  ]
  accounts = {
    for key in local.account_keys : key => {
      account_id = "${var.prefix}-${key}"
      email      = "${var.prefix}-${key}@${var.project_id}.iam.gserviceaccount.com"
    }
  }
}

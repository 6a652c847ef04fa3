# The environment of each function: the names of its env.ts, which a test compares.
locals {
  deployment_environment = {
    GOOGLE_CLOUD_PROJECT = var.project_id
    FIRESTORE_DATABASE   = local.database_id
    MODEL_BUCKET         = local.buckets.models
    TASKS_LOCATION       = var.region
    CONTROL_QUEUE        = local.queues.control.name
    TASK_INVOKER         = local.accounts["control-invoker"].email
    COORDINATOR_URL      = local.functions.coordinator.url
    EVALUATOR_URL        = local.functions.evaluator.url
  }

  # For the cost of an instance's time.
  size_environment = {
    for name, limits in local.functions : name => {
      MEMORY_MIB = tostring(limits.memory_mib)
      VCPU       = tostring(limits.vcpu)
    }
  }

  environment = {
    api = merge(local.deployment_environment, {
      # To refuse a model that they cannot hold before a run is made of it.
      AGGREGATOR_MEMORY_MIB = tostring(local.functions.aggregator.memory_mib)
      EVALUATOR_MEMORY_MIB  = tostring(local.functions.evaluator.memory_mib)

      API_URL   = local.functions.api.url
      OPERATORS = join(",", concat(local.operator_robots, [local.accounts.operator.email]))
    })
    # The only one that calls clients.
    coordinator = merge(local.deployment_environment, local.size_environment.coordinator, {
      AGGREGATOR_URL      = local.functions.aggregator.url
      CLIENT_QUEUE        = local.queues.client.name
      CLIENT_TASK_INVOKER = local.accounts["client-invoker"].email
    })
    aggregator = merge(local.deployment_environment, local.size_environment.aggregator, {
      AGGREGATOR_URL = local.functions.aggregator.url
    })
    evaluator = merge(local.deployment_environment, local.size_environment.evaluator, {
      EVALUATION_DATA        = local.data.evaluation
      REQUIRE_NATIVE_TENSORS = tostring(var.require_native_tensors)
    })
    client = {
      MEMORY_MIB             = tostring(local.functions.client.memory_mib)
      VCPU                   = tostring(local.functions.client.vcpu)
      GOOGLE_CLOUD_PROJECT   = var.project_id
      TASK_INVOKER           = local.accounts["client-invoker"].email
      COORDINATOR_URL        = local.functions.coordinator.url
      CLIENT_URL             = local.functions.client.url
      CLIENT_DATA            = local.data.client
      REQUIRE_NATIVE_TENSORS = tostring(var.require_native_tensors)
    }
  }
}

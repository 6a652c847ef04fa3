# The contract's outputs.
output "accounts" {
  description = "Service accounts by what they are for: account_id and email."
  value       = local.accounts
}

output "buckets" {
  description = "Names of the buckets."
  value       = local.buckets
}

output "data" {
  description = "Where data sets lie; {clientId} stands for the client's name."
  value       = local.data
}

output "client_registration" {
  description = "The client function as it is registered: all but the client's name."
  value = {
    url            = local.functions.client.url
    serviceAccount = local.accounts.client.email
    capacity = {
      memoryMib      = local.functions.client.memory_mib
      vcpu           = local.functions.client.vcpu
      timeoutSeconds = local.functions.client.timeout_seconds
    }
  }
}

output "database_id" {
  description = "Id of the Firestore database."
  value       = local.database_id
}

output "environment" {
  description = "Environment of each function."
  value       = local.environment
}

output "functions" {
  description = "Each function's name, address, limits and ingress."
  value       = local.functions

  precondition {
    condition     = alltrue([for limits in local.functions : contains([128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768], limits.memory_mib)])
    error_message = "memory_mib must be 128, 256, 512, 1024, 2048, 4096, 8192, 16384 or 32768."
  }

  precondition {
    condition     = alltrue([for limits in local.functions : contains([1, 2, 4, 6, 8], limits.vcpu) || (limits.vcpu >= 0.08 && limits.vcpu < 1)])
    error_message = "vcpu must be 1, 2, 4, 6 or 8, or from 0.08 to below 1."
  }

  precondition {
    condition     = alltrue([for limits in local.functions : limits.memory_mib <= 4096 || limits.vcpu >= 2])
    error_message = "More than 4096 MiB of memory need at least 2 vCPUs: raise vcpu with memory_mib."
  }

  precondition {
    condition     = alltrue([for limits in local.functions : limits.concurrency == 1 || limits.vcpu >= 1])
    error_message = "A concurrency above 1 needs at least 1 vCPU: raise vcpu or set concurrency to 1."
  }

  precondition {
    condition     = alltrue([for limits in local.functions : limits.concurrency >= 1 && limits.concurrency <= 1000 && floor(limits.concurrency) == limits.concurrency])
    error_message = "concurrency must be a whole number from 1 to 1000."
  }

  precondition {
    condition     = alltrue([for name in ["aggregator", "evaluator", "client"] : local.functions[name].concurrency == 1])
    error_message = "aggregator, evaluator and client work with concurrency 1 only: one request fills their memory."
  }

  precondition {
    condition     = alltrue([for limits in local.functions : limits.min_instances >= 0 && limits.min_instances <= limits.max_instances && limits.max_instances <= 1000])
    error_message = "min_instances must be from 0 to max_instances, and max_instances at most 1000."
  }

  precondition {
    condition     = alltrue([for limits in local.functions : limits.timeout_seconds >= 15 && limits.timeout_seconds <= 1800])
    error_message = "timeout_seconds must be from 15 to 1800: Cloud Tasks waits no longer than half an hour."
  }

  precondition {
    condition     = alltrue([for name, deadline in local.task_deadline_seconds : deadline <= local.functions[name].timeout_seconds])
    error_message = "A task's deadline must not be beyond its function's timeout: timeout_seconds must be at least ${jsonencode(local.task_deadline_seconds)}."
  }
}

output "grants" {
  description = "The IAM matrix: by resource, a list of role and member."
  value       = local.grants

  precondition {
    condition     = alltrue([for grant in flatten(values(local.grants)) : !contains(["allUsers", "allAuthenticatedUsers"], grant.member)])
    error_message = "Nothing may be granted to allUsers or allAuthenticatedUsers."
  }

  precondition {
    condition     = alltrue([for grant in flatten(values(local.grants)) : !contains(["roles/owner", "roles/editor", "roles/viewer"], grant.role)])
    error_message = "Primitive roles must not be granted."
  }
}

output "queues" {
  description = "The task queues: names, retries, rates."
  value       = local.queues

  # Clients of other organisations have instances of their own: with some, more calls at once can be right.
  precondition {
    condition     = length(var.client_accounts) > 0 || local.queues.client.rate.max_concurrent <= local.functions.client.max_instances
    error_message = "client_dispatch.max_concurrent is ${local.queues.client.rate.max_concurrent}, but the client function has at most ${local.functions.client.max_instances} instances and refuses the calls beyond: raise function_overrides.client.max_instances, lower client_dispatch.max_concurrent, or leave it out."
  }
}

output "runtime" {
  description = "Node runtime of the functions."
  value       = var.runtime
}

output "task_deadline_seconds" {
  description = "How long Cloud Tasks waits for an answer, by function."
  value       = local.task_deadline_seconds
}

output "update_suffixes" {
  description = "How the names of updates end, and no model's: -ATTEMPT.safetensors, for attempts 1 to 10."

  # Not of every attempt: a lifecycle rule takes prefixes and suffixes, not patterns. All names of a run begin
  # with its id, before updates/ or models/, and both kinds end in digits and .safetensors. No invocation is
  # claimed more than ten times (MAX_ATTEMPTS in shared/core/round/report.ts).
  value = [for attempt in range(1, 11) : "-${attempt}.safetensors"]
}

# What a function takes.
variable "account_email" {
  description = "The function's own service account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", var.account_email))
    error_message = "account_email must be a service account."
  }
}

variable "archive" {
  description = "Path of the function's archive, as npm run bundle made it: its name ends with the hash of its content."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("-[0-9a-f]{16}\\.zip$", var.archive)) && fileexists(var.archive)
    error_message = "archive must be an existing file named NAME-HASH.zip: run npm run bundle."
  }
}

variable "build" {
  description = "What building takes: output build of the project module."
  type = object({
    account_email  = string
    repository     = string
    sources_bucket = string
  })
  nullable = false

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/repositories/[^/]+$", var.build.repository))
    error_message = "build.repository must be projects/PROJECT/locations/REGION/repositories/ID."
  }
}

variable "description" {
  description = "What the function does, for the console."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.description) <= 200
    error_message = "description must have at most 200 characters."
  }
}

variable "entry_point" {
  description = "Name under which the source registers the function."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["api", "coordinator", "aggregator", "evaluator", "client"], var.entry_point)
    error_message = "entry_point must be api, coordinator, aggregator, evaluator or client."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "environment must have names in capitals, such as MODEL_BUCKET."
  }

  validation {
    condition     = !contains(keys(var.environment), "CALLERS_CHECKED_BY_REGION")
    error_message = "CALLERS_CHECKED_BY_REGION follows from service_grants and cannot be set."
  }
}

variable "ingress" {
  description = "From where the function can be reached; who may call it is another matter."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], var.ingress)
    error_message = "ingress must be ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB."
  }
}

variable "labels" {
  description = "Labels of what is made."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must have keys and values of at most 63 lower-case letters, digits, hyphens and underscores; keys begin with a letter."
  }
}

variable "limits" {
  description = "Memory, processors, time, and how many requests and instances at once."
  type = object({
    concurrency     = number
    max_instances   = number
    memory_mib      = number
    min_instances   = number
    timeout_seconds = number
    vcpu            = number
  })
  nullable = false

  validation {
    condition     = var.limits.concurrency == 1 || var.limits.vcpu >= 1
    error_message = "limits: a concurrency above 1 needs at least 1 vCPU."
  }

  validation {
    condition     = var.limits.min_instances <= var.limits.max_instances
    error_message = "limits: min_instances must not be above max_instances."
  }

  validation {
    condition     = var.limits.timeout_seconds >= 15 && var.limits.timeout_seconds <= 1800
    error_message = "limits: timeout_seconds must be from 15 to 1800."
  }
}

variable "name" {
  description = "Name of the function and of its Cloud Run service."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", var.name))
    error_message = "name must be 1 to 49 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "project_id" {
  description = "The project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "Region of the function."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "runtime" {
  description = "Node runtime."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["nodejs22", "nodejs24"], var.runtime)
    error_message = "runtime must be nodejs22 or nodejs24."
  }
}

variable "service_grants" {
  description = "Who may call the function: role and member."
  type        = list(object({ role = string, member = string }))
  nullable    = false

  validation {
    condition     = alltrue([for grant in var.service_grants : grant.role == "roles/run.invoker" && !contains(["allUsers", "allAuthenticatedUsers"], grant.member)])
    error_message = "service_grants must be roles/run.invoker to named members: every call is authenticated."
  }
}

variable "tensorflow_wheel_url" {
  description = "Where a build that installs TensorFlow fetches its wheel; null: from PyPI."
  type        = string
  default     = null

  validation {
    condition     = var.tensorflow_wheel_url == null || can(regex("^https?://[^\\s/@?#]+/[^\\s#]+$", var.tensorflow_wheel_url))
    error_message = "tensorflow_wheel_url must be an address of the wheel's file, such as https://mirror.example.org/tensorflow.whl, without a name or password."
  }
}

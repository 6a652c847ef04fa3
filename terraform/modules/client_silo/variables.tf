# What an organisation's own client takes.
variable "archive" {
  description = "Path of the client function's archive: client-HASH.zip of the release that the federation runs, or of npm run bundle."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("-[0-9a-f]{16}\\.zip$", var.archive)) && fileexists(var.archive)
    error_message = "archive must be an existing file named client-HASH.zip: run npm run bundle."
  }
}

variable "client_id" {
  description = "Name of this client in the federation; its data set is CLIENT_ID.safetensors in its bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.client_id))
    error_message = "client_id must be 1 to 63 lower-case letters, digits and hyphens."
  }
}

variable "delete_protection" {
  description = "Whether the bucket stops terraform destroy while it holds something; false must be applied before."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = contains([true, false], var.delete_protection)
    error_message = "delete_protection must be true or false."
  }
}

variable "federation" {
  description = "Output federation of the deployment to join, as its operators hand it over."
  type = object({
    api_url         = string
    coordinator_url = string
    operator        = string
    task_invoker    = string
  })
  nullable = false

  validation {
    condition     = alltrue([for url in [var.federation.api_url, var.federation.coordinator_url] : can(regex("^https://[^/]+$", url))])
    error_message = "federation.api_url and federation.coordinator_url must be https addresses without a path."
  }

  validation {
    condition     = alltrue([for email in [var.federation.task_invoker, var.federation.operator] : can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", email))])
    error_message = "federation.task_invoker must be the service account of the federation's client queue, because nobody else may call this client, and federation.operator the one that its operators use."
  }
}

variable "limits" {
  description = "Memory, processors, time, and how many trainings at once."
  type = object({
    max_instances   = optional(number, 1)
    memory_mib      = optional(number, 2048)
    timeout_seconds = optional(number, 540)
    vcpu            = optional(number, 1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([1024, 2048, 4096, 8192, 16384, 32768], var.limits.memory_mib) && (var.limits.memory_mib <= 4096 || var.limits.vcpu >= 2)
    error_message = "limits.memory_mib must be 1024, 2048, 4096, 8192, 16384 or 32768; more than 4096 need at least 2 vCPUs."
  }

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.limits.vcpu)
    error_message = "limits.vcpu must be 1, 2, 4, 6 or 8."
  }

  validation {
    condition     = var.limits.timeout_seconds >= 15 && var.limits.timeout_seconds <= 1800
    error_message = "limits.timeout_seconds must be from 15 to 1800."
  }
}

variable "prefix" {
  description = "What the names of all resources begin with; one deployment each within a project."
  type        = string
  default     = "fedstratus"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,12}[a-z0-9]$", var.prefix))
    error_message = "prefix must be 2 to 14 lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen."
  }
}

variable "project_id" {
  description = "The project to deploy to."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "project_number" {
  description = "The number of that project, which the functions' addresses are made of: gcloud projects describe PROJECT --format='value(projectNumber)'."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]{4,18}$", var.project_number))
    error_message = "project_number must be the project's number (digits only), not its id."
  }
}

variable "region" {
  description = "Region of everything, such as europe-west1."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1 or us-central1; not a zone, not a multi-region."
  }
}

variable "runtime" {
  description = "Node runtime of the functions."
  type        = string
  default     = "nodejs24"
  nullable    = false

  validation {
    condition     = contains(["nodejs22", "nodejs24"], var.runtime)
    error_message = "runtime must be nodejs22 or nodejs24."
  }
}

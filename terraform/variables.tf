# What a deployment takes.
variable "alert_emails" {
  description = "Addresses that alerts go to; none: alerts are shown in the console only."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "alert_emails must be e-mail addresses."
  }
}

variable "archives_dir" {
  description = "Folder of the archives that npm run bundle makes."
  type        = string
  default     = "../dist/archives"
  nullable    = false

  validation {
    condition     = fileexists("${var.archives_dir}/archives.json")
    error_message = "archives_dir holds no archives.json: run npm run bundle, or give the folder it made."
  }
}

variable "budget" {
  description = "A monthly budget for the project, in whole units of the billing account's currency, with alerts at 50, 90 and 100 % of it; null for none."
  type = object({
    amount          = number
    billing_account = string
  })
  default = null

  validation {
    condition     = var.budget == null || try(var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount && can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)), false)
    error_message = "budget must have amount, a whole number from 1, and billing_account, such as 012345-6789AB-CDEF01."
  }
}

variable "client_accounts" {
  description = "Service accounts of client functions in other projects, which may claim and report at the coordinator."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for email in var.client_accounts :
      can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", email))
    ])
    error_message = "client_accounts must be service accounts, such as fedstratus-client@clinic-07.iam.gserviceaccount.com."
  }
}

variable "client_dispatch" {
  description = "How fast the client queue calls clients: calls at once (null: as many as the client function may have instances), and new calls a second."
  type = object({
    max_concurrent = optional(number)
    max_per_second = optional(number, 500)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      coalesce(var.client_dispatch.max_concurrent, 1) >= 1 && coalesce(var.client_dispatch.max_concurrent, 1) <= 5000 &&
      floor(coalesce(var.client_dispatch.max_concurrent, 1)) == coalesce(var.client_dispatch.max_concurrent, 1)
    )
    error_message = "client_dispatch.max_concurrent must be a whole number from 1 to 5000."
  }

  validation {
    condition     = var.client_dispatch.max_per_second > 0 && var.client_dispatch.max_per_second <= 500
    error_message = "client_dispatch.max_per_second must be above 0, to 500."
  }
}

variable "database_id" {
  description = "Id of the Firestore database; null for the prefix."
  type        = string
  default     = null

  validation {
    condition     = var.database_id == null || var.database_id == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database_id))
    error_message = "database_id must be (default), or 4 to 63 lower-case letters, digits and hyphens that begin with a letter and do not end with a hyphen."
  }
}

variable "delete_protection" {
  description = "Whether the database is kept by terraform destroy, and a bucket that holds something stops it; false must be applied before."
  type        = bool
  default     = true
  nullable    = false
}

variable "function_overrides" {
  description = "Limits of single functions in the place of the table's; for example {client = {memory_mib = 4096, vcpu = 2}}."
  type = map(object({
    concurrency     = optional(number)
    max_instances   = optional(number)
    memory_mib      = optional(number)
    min_instances   = optional(number)
    timeout_seconds = optional(number)
    vcpu            = optional(number)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name in keys(var.function_overrides) :
      contains(["api", "coordinator", "aggregator", "evaluator", "client"], name)
    ])
    error_message = "function_overrides takes api, coordinator, aggregator, evaluator and client."
  }
}

variable "labels" {
  description = "Labels of everything that can have some, beside application and deployment."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must have keys and values of at most 63 lower-case letters, digits, hyphens and underscores; keys begin with a letter."
  }
}

variable "operators" {
  description = "E-mail addresses of the people and service accounts that may act as the operator account, which calls the api and puts data."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.operators) > 0 && alltrue([for email in var.operators : can(regex("^[^@\\s,:]+@[^@\\s,:]+\\.[^@\\s,:]+$", email))])
    error_message = "operators must be at least one plain e-mail address, such as ada@example.org (without user: before it)."
  }
}

variable "point_in_time_recovery" {
  description = "Whether the database can be restored as it was within the last seven days; costs storage."
  type        = bool
  default     = false
  nullable    = false
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
  description = "Region of everything, such as europe-west1. A new project may build functions in some regions only: see the guide."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1 or us-central1; not a zone, not a multi-region."
  }
}

variable "require_native_tensors" {
  description = "Whether the client and the evaluator refuse to work without native TensorFlow, rather than many times slower."
  type        = bool
  default     = true
  nullable    = false
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

variable "tensorflow_wheel_url" {
  description = "Where the builds of the client and the evaluator fetch TensorFlow's wheel, whose bytes must be PyPI's; null: from PyPI."
  type        = string
  default     = null

  validation {
    condition     = var.tensorflow_wheel_url == null || can(regex("^https?://[^\\s/@?#]+/[^\\s#]+$", var.tensorflow_wheel_url))
    error_message = "tensorflow_wheel_url must be an address of the wheel's file, such as https://mirror.example.org/tensorflow.whl, without a name or password."
  }
}

variable "unused_update_days" {
  description = "Days after which an update that no round has taken is deleted; must be longer than a run waits for late ones."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.unused_update_days >= 7 && floor(var.unused_update_days) == var.unused_update_days
    error_message = "unused_update_days must be a whole number from 7."
  }
}

variable "watchdog_schedule" {
  description = "When to look for stalled runs, as a cron line in UTC."
  type        = string
  default     = "*/10 * * * *"
  nullable    = false

  validation {
    condition     = can(regex("^(\\S+ ){4}\\S+$", var.watchdog_schedule))
    error_message = "watchdog_schedule must have five fields, such as */10 * * * *."
  }
}

# What a task queue takes.
variable "name" {
  description = "Id of the queue. Once deleted, it cannot be used again for up to a week."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9-]{1,100}$", var.name))
    error_message = "name must be 1 to 100 letters, digits and hyphens."
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

variable "queue_grants" {
  description = "Who may add and look at tasks: role and member."
  type        = list(object({ role = string, member = string }))
  nullable    = false

  validation {
    condition     = alltrue([for grant in var.queue_grants : contains(["roles/cloudtasks.enqueuer", "roles/cloudtasks.taskDeleter", "roles/cloudtasks.viewer"], grant.role)])
    error_message = "queue_grants takes roles/cloudtasks.enqueuer, roles/cloudtasks.taskDeleter and roles/cloudtasks.viewer."
  }
}

variable "rate" {
  description = "How many calls at once, and how many new ones a second."
  type        = object({ max_concurrent = number, max_per_second = number })
  nullable    = false

  validation {
    condition     = var.rate.max_concurrent >= 1 && var.rate.max_concurrent <= 5000 && var.rate.max_per_second > 0 && var.rate.max_per_second <= 500
    error_message = "rate: max_concurrent must be from 1 to 5000, max_per_second above 0, to 500."
  }
}

variable "region" {
  description = "Region of the queue."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "retry" {
  description = "Retries of a task: -1 attempts is without end; the wait doubles from min to max."
  type = object({
    max_attempts        = number
    max_backoff_seconds = number
    max_doublings       = number
    min_backoff_seconds = number
  })
  nullable = false

  validation {
    condition     = var.retry.max_attempts == -1 || var.retry.max_attempts >= 1
    error_message = "retry.max_attempts must be -1 (without end) or at least 1."
  }

  validation {
    condition     = var.retry.min_backoff_seconds > 0 && var.retry.min_backoff_seconds <= var.retry.max_backoff_seconds && var.retry.max_backoff_seconds <= 3600
    error_message = "retry: min_backoff_seconds must be above 0 and at most max_backoff_seconds, which must be at most 3600."
  }
}

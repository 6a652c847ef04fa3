# What the watchdog takes.
variable "coordinator_url" {
  description = "Address of the coordinator."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^https://[^/]+$", var.coordinator_url))
    error_message = "coordinator_url must be an https address without a path."
  }
}

variable "deadline_seconds" {
  description = "How long the coordinator may take."
  type        = number
  nullable    = false

  validation {
    condition     = var.deadline_seconds >= 15 && var.deadline_seconds <= 1800
    error_message = "deadline_seconds must be from 15 to 1800."
  }
}

variable "invoker_email" {
  description = "The account that may call the coordinator's task endpoints."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", var.invoker_email))
    error_message = "invoker_email must be a service account."
  }
}

variable "name" {
  description = "Name of the job."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,500}$", var.name))
    error_message = "name must be 1 to 500 letters, digits, hyphens and underscores."
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
  description = "Region of the job."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "schedule" {
  description = "When it looks, as a cron line in UTC."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(\\S+ ){4}\\S+$", var.schedule))
    error_message = "schedule must have five fields, such as */10 * * * *."
  }
}

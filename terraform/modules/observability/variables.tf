# What metrics, dashboard and alerts takes.
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

variable "budget" {
  description = "A monthly budget for the project, whose use is told at 50, 90 and 100 %; null for none."
  type = object({
    amount_usd      = number
    billing_account = string
  })
  default = null

  validation {
    condition     = var.budget == null || try(var.budget.amount_usd >= 1 && floor(var.budget.amount_usd) == var.budget.amount_usd && can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)), false)
    error_message = "budget must have amount_usd, whole dollars from 1, and billing_account, such as 012345-6789AB-CDEF01."
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

variable "services" {
  description = "Names of the functions' Cloud Run services."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.services) > 0
    error_message = "services must not be empty: metrics would count the logs of the whole project."
  }
}

# The inputs of metrics, dashboard and alerts.
variable "alert_emails" {
  description = "Addresses that alerts go to; none: alerts are shown in the console only."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for email in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "alert_emails must be e-mail addresses."
  }
}

variable "budget" {
  description = "A monthly budget for the project, in whole units of the billing account's currency, with alerts at 50, 90 and 100 % of it; null for none."
  type = object({
    amount          = number
    billing_account = string
  })

  validation {
    condition     = var.budget == null || try(var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount && can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)), false)
    error_message = "budget must have amount, a whole number from 1, and billing_account, such as 012345-6789AB-CDEF01."
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

variable "prefix" {
  description = "What the names of all resources begin with; one deployment each within a project."
  type        = string
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
  description = "The number of that project, as a budget names it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]{4,18}$", var.project_number))
    error_message = "project_number must be the project's number (digits only), not its id."
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

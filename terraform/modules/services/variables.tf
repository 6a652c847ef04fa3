# The inputs of the services.
variable "project_id" {
  description = "The project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "services" {
  description = "Services to enable; they stay enabled when the deployment is destroyed."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for service in var.services : can(regex("^[a-z]+\\.googleapis\\.com$", service))])
    error_message = "services must be names such as run.googleapis.com."
  }
}

# What the database takes.
variable "database_id" {
  description = "Id of the database."
  type        = string
  nullable    = false

  validation {
    condition     = var.database_id == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database_id))
    error_message = "database_id must be (default), or 4 to 63 lower-case letters, digits and hyphens."
  }
}

variable "delete_protection" {
  description = "Whether the database is protected, and kept when the deployment is destroyed."
  type        = bool
  nullable    = false
}

variable "grants" {
  description = "Who may use the database: role and member."
  type        = list(object({ role = string, member = string }))
  nullable    = false

  validation {
    condition     = alltrue([for grant in var.grants : contains(["roles/datastore.user", "roles/datastore.viewer"], grant.role)])
    error_message = "grants takes roles/datastore.user and roles/datastore.viewer."
  }
}

variable "point_in_time_recovery" {
  description = "Whether the database can be read and restored as it was within the last seven days; costs storage."
  type        = bool
  nullable    = false
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
  description = "Region of the database; it cannot be changed later."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

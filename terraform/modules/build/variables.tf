# The inputs of the module that builds functions.
variable "build_account_email" {
  description = "The service account that builds functions."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", var.build_account_email))
    error_message = "build_account_email must be a service account."
  }
}

variable "build_sources_grants" {
  description = "Who may read the bucket that Cloud Functions keeps sources in: role and member."
  type        = list(object({ role = string, member = string }))
  nullable    = false

  validation {
    condition     = alltrue([for grant in var.build_sources_grants : startswith(grant.role, "roles/storage.")])
    error_message = "build_sources_grants must be roles of Cloud Storage."
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
  description = "Region of the sources and the images."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "repository_grants" {
  description = "Who may push images: role and member."
  type        = list(object({ role = string, member = string }))
  nullable    = false

  validation {
    condition     = alltrue([for grant in var.repository_grants : startswith(grant.role, "roles/artifactregistry.")])
    error_message = "repository_grants must be roles of Artifact Registry."
  }
}

variable "repository_id" {
  description = "Id of the repository of images."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.repository_id))
    error_message = "repository_id must be 1 to 63 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "sources_bucket" {
  description = "Name of the bucket of the functions' archives."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.sources_bucket))
    error_message = "sources_bucket must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

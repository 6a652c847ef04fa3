# What a bucket takes.
variable "delete_protection" {
  description = "Whether the bucket, while it holds something, refuses to be destroyed."
  type        = bool
  nullable    = false
}

variable "expiring" {
  description = "Objects that are deleted at an age, by the ends of their names; noncurrent_days in the place of the bucket's."
  type        = list(object({ age_days = number, noncurrent_days = number, suffixes = list(string) }))
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for rule in var.expiring : rule.age_days >= 1 && rule.noncurrent_days >= 1 && length(rule.suffixes) > 0])
    error_message = "expiring: age_days and noncurrent_days must be at least 1, and suffixes must not be empty, which would mean every object."
  }
}

variable "folders" {
  description = "Managed folders, each with its own grants: role and member."
  type        = map(list(object({ role = string, member = string })))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name, grants in var.folders : can(regex("^[a-z0-9-]+$", name)) && alltrue([for grant in grants : startswith(grant.role, "roles/storage.object")])])
    error_message = "folders must have names of lower-case letters, digits and hyphens, and roles on objects (roles/storage.object...)."
  }
}

variable "grants" {
  description = "Who may do what with the bucket's objects: role and member."
  type        = list(object({ role = string, member = string }))
  nullable    = false

  validation {
    condition     = alltrue([for grant in var.grants : startswith(grant.role, "roles/storage.object")])
    error_message = "grants must be roles on objects (roles/storage.object...)."
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

variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "noncurrent_days" {
  description = "Days that a deleted or replaced object can still be brought back; with versioning."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "noncurrent_days must be at least 1."
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
  description = "Region of the bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "soft_delete_days" {
  description = "Days that Cloud Storage itself keeps what was deleted, and bills it: 0, or 7 to 90."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days must be 0 or from 7 to 90."
  }
}

variable "versioning" {
  description = "Whether deleted and replaced objects can be brought back for a while."
  type        = bool
  default     = false
  nullable    = false
}

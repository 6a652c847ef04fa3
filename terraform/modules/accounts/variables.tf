# The inputs of the accounts.
variable "account_grants" {
  description = "By account, who may sign for it or act as it: role and member."
  type        = map(list(object({ role = string, member = string })))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for grant in flatten(values(var.account_grants)) :
      contains(["roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser"], grant.role)
    ])
    error_message = "account_grants takes roles/iam.serviceAccountTokenCreator and roles/iam.serviceAccountUser."
  }
}

variable "accounts" {
  description = "Ids of the service accounts, by what they are for."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for id in values(var.accounts) : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", id))])
    error_message = "accounts must have ids of 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "project_grants" {
  description = "What accounts may do in the project, where no narrower resource exists: role and member."
  type        = list(object({ role = string, member = string }))
  nullable    = false

  validation {
    condition     = alltrue([for grant in var.project_grants : contains(["roles/logging.logWriter"], grant.role)])
    error_message = "project_grants takes roles/logging.logWriter; everything else has a narrower resource."
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

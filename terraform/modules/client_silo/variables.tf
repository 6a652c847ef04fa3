# What an organisation's own client takes.
variable "archive" {
  description = "Path of the client function's archive: client-HASH.zip of the release that the federation runs, or of npm run bundle."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("-[0-9a-f]{16}\\.zip$", var.archive)) && fileexists(var.archive)
    error_message = "archive must be an existing file named client-HASH.zip: run npm run bundle."
  }
}

variable "bounds" {
  description = "What a run may ask of this client at the most: local epochs, samples a batch, bytes of a topology (32 MiB where absent), seconds of training, after which what is done is sent; and labels of which it tells how many samples it has, where a run asks (none where absent)."
  type = object({
    max_batch_size     = optional(number)
    max_epochs         = optional(number)
    max_label_counts   = optional(number)
    max_topology_bytes = optional(number)
    max_train_seconds  = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for bound in values(var.bounds) : bound == null ? true : bound >= 1 && floor(bound) == bound])
    error_message = "bounds must be whole numbers from 1."
  }
}

variable "client_id" {
  description = "Name of this client in the federation; its data set is CLIENT_ID.safetensors in its bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.client_id))
    error_message = "client_id must be 1 to 63 lower-case letters, digits and hyphens."
  }
}

variable "data_card" {
  description = "What the federation learns about the data; samples bounds how much this client's updates can weigh."
  type = object({
    classes     = optional(number)
    description = optional(string)
    samples     = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = coalesce(var.data_card.samples, 1) >= 1 && coalesce(var.data_card.classes, 1) >= 1
    error_message = "data_card.samples and data_card.classes must be at least 1."
  }
}

variable "data_path" {
  description = "Where the data are in the bucket: a file, a folder (with a slash at its end) or a pattern with *; {clientId} and {data} stand for the client and for the data set that a run names."
  type        = string
  default     = "{clientId}.safetensors"
  nullable    = false

  validation {
    condition     = can(regex("^[^/\\n].{0,900}$", var.data_path))
    error_message = "data_path must be 1 to 901 characters, in one line, without a slash at its start."
  }
}

variable "data_writers" {
  description = "Who puts data sets into the bucket, beside the owners of the project, such as user:ada@clinic-07.example or group:data@clinic-07.example."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.data_writers : can(regex("^(user|group|serviceAccount):[^@\\s,:]+@[^@\\s,:]+\\.[^@\\s,:]+$", member))])
    error_message = "data_writers must be user:, group: or serviceAccount: and an e-mail address."
  }
}

variable "delete_protection" {
  description = "Whether the bucket stops terraform destroy while it holds something; false must be applied before."
  type        = bool
  default     = true
  nullable    = false
}

variable "features_path" {
  description = "Where the features file is in the bucket, such as features.json (docs/data.md); null for safetensors files of x and y."
  type        = string
  default     = null

  validation {
    condition     = var.features_path == null ? true : can(regex("^[^/\\n].{0,900}$", var.features_path))
    error_message = "features_path must be 1 to 901 characters, in one line, without a slash at its start."
  }
}

variable "federation" {
  description = "Output federation of the deployment to join, as its operators hand it over."
  type = object({
    coordinator_url = string
    task_invoker    = string
  })
  nullable = false

  validation {
    condition     = can(regex("^https://[^/]+$", var.federation.coordinator_url))
    error_message = "federation.coordinator_url must be an https address without a path."
  }

  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", var.federation.task_invoker))
    error_message = "federation.task_invoker must be the service account of the federation's client queue, because no other account may call this client."
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

variable "limits" {
  description = "Memory, processors, time, and how many trainings at once."
  type = object({
    max_instances   = optional(number, 1)
    memory_mib      = optional(number, 2048)
    timeout_seconds = optional(number, 540)
    vcpu            = optional(number, 1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([512, 1024, 2048, 4096, 8192, 16384, 32768], var.limits.memory_mib) && (var.limits.memory_mib <= 4096 || var.limits.vcpu >= 2)
    error_message = "limits.memory_mib must be 512, 1024, 2048, 4096, 8192, 16384 or 32768; more than 4096 need at least 2 vCPUs."
  }

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.limits.vcpu)
    error_message = "limits.vcpu must be 1, 2, 4, 6 or 8."
  }

  validation {
    condition     = var.limits.max_instances >= 1 && var.limits.max_instances <= 1000 && floor(var.limits.max_instances) == var.limits.max_instances
    error_message = "limits.max_instances must be a whole number from 1 to 1000."
  }

  validation {
    condition     = var.limits.timeout_seconds >= 15 && var.limits.timeout_seconds <= 1800
    error_message = "limits.timeout_seconds must be from 15 to 1800."
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
  description = "Whether the client refuses to train without native TensorFlow, rather than many times slower."
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
  description = "Where the build of the client fetches TensorFlow's wheel, whose bytes must be PyPI's; null: from PyPI."
  type        = string
  default     = null

  validation {
    condition     = var.tensorflow_wheel_url == null || can(regex("^https?://[^\\s/@?#]+/[^\\s#]+$", var.tensorflow_wheel_url))
    error_message = "tensorflow_wheel_url must be an address of the wheel's file, such as https://mirror.example.org/tensorflow.whl, without a name or password."
  }
}

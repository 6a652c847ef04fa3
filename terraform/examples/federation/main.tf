# A federation with everything that can be chosen: limits, rates, alerts, a budget and one other organisation.
provider "google" {
  project = "lab-1234"
  region  = "europe-west1"

  # A budget asks for the project that its calls are counted in.
  billing_project       = "lab-1234"
  user_project_override = true
}

module "federation" {
  source = "../.."

  alert_emails    = ["oncall@example.org"]
  archives_dir    = var.archives_dir
  budget          = { amount = 50, billing_account = "012345-6789AB-CDEF01" }
  client_accounts = ["fedstratus-client@clinic-07-data.iam.gserviceaccount.com"]
  client_dispatch = { max_concurrent = 60, max_per_second = 50 }
  function_overrides = {
    client = { memory_mib = 4096, vcpu = 2, max_instances = 50 }
    api    = { min_instances = 1 }
  }
  operators              = ["ada@example.org", "ci@tools-5678.iam.gserviceaccount.com"]
  point_in_time_recovery = true
  project_id             = "lab-1234"
  project_number         = "123456789012"
  region                 = "europe-west1"
}

variable "archives_dir" {
  description = "Folder of the archives that npm run bundle makes."
  type        = string
  default     = "../../../dist/archives"
}

output "federation" {
  description = "What other organisations need."
  value       = module.federation.federation
}

# What a clinic applies in its own project to take part in a federation.
provider "google" {
  project = "clinic-07-data"
  region  = "europe-west3"
}

module "silo" {
  source = "../../modules/client_silo"

  archive   = var.archive
  client_id = "clinic-07"
  federation = {
    api_url         = "https://fedstratus-api-123456789012.europe-west1.run.app"
    coordinator_url = "https://fedstratus-coordinator-123456789012.europe-west1.run.app"
    operator        = "fedstratus-operator@lab-1234.iam.gserviceaccount.com"
    task_invoker    = "fedstratus-client-invoker@lab-1234.iam.gserviceaccount.com"
  }
  project_id     = "clinic-07-data"
  project_number = "210987654321"
  region         = "europe-west3"
}

variable "archive" {
  description = "Path of the client function's archive."
  type        = string
}

output "account_email" {
  description = "What the federation adds to its client_accounts."
  value       = module.silo.account_email
}

output "registration_command" {
  description = "What an operator of the federation runs."
  value       = module.silo.registration_command
}

# What a clinic applies in its own project to take part in a federation.
provider "google" {
  project = "clinic-07-data"
  region  = "europe-west1"
}

module "silo" {
  source = "../../modules/client_silo"

  archive   = var.archive
  client_id = "clinic-07"
  data_card = { description = "X-rays of 2024 and 2025", samples = 4000, classes = 2 }
  federation = {
    coordinator_url = "https://fedstratus-coordinator-123456789012.europe-west1.run.app"
    task_invoker    = "fedstratus-client-invoker@lab-1234.iam.gserviceaccount.com"
  }
  project_id     = "clinic-07-data"
  project_number = "210987654321"
  region         = "europe-west1"
}

variable "archive" {
  description = "Path of the client function's archive."
  type        = string
}

output "data_object" {
  description = "Where the data set has to be."
  value       = module.silo.data_object
}

output "account_email" {
  description = "What the federation adds to its client_accounts."
  value       = module.silo.account_email
}

output "registration" {
  description = "What the federation registers: terraform output -json registration > clinic-07.json."
  value       = module.silo.registration
}

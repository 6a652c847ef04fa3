# The google provider: where, as whom, and the labels of everything.
provider "google" {
  project                     = var.project_id
  region                      = var.region
  impersonate_service_account = var.deployer

  default_labels = {
    application = "fedstratus"
    deployment  = var.prefix
  }
}

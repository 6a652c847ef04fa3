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

# For what a person's own login may only call on the account of a project, such as budgets. Not for everything, because it
# needs services that an empty project does not have yet.
provider "google" {
  alias                       = "on_project"
  project                     = var.project_id
  region                      = var.region
  impersonate_service_account = var.deployer
  billing_project             = var.project_id
  user_project_override       = true
}

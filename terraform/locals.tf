# What the root alone decides: services to enable, archives to deploy, descriptions.
locals {
  labels = merge(var.labels, { application = "fedstratus", deployment = var.prefix })

  archives = jsondecode(file("${var.archives_dir}/archives.json"))

  services = toset(concat(
    [
      "artifactregistry.googleapis.com", "cloudbuild.googleapis.com", "cloudfunctions.googleapis.com",
      "cloudresourcemanager.googleapis.com", "cloudscheduler.googleapis.com", "cloudtasks.googleapis.com",
      "firestore.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com", "logging.googleapis.com",
      "monitoring.googleapis.com", "run.googleapis.com", "storage.googleapis.com",
    ],
    var.budget == null ? [] : ["billingbudgets.googleapis.com"],
  ))

  descriptions = {
    api         = "People and scripts: runs, rounds, clients"
    coordinator = "Opens and closes rounds, hands out grants, takes reports"
    aggregator  = "Folds updates into the next model version"
    evaluator   = "Scores model versions"
    client      = "Trains on its owner's data"
  }
}

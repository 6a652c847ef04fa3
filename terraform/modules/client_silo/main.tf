# What a data owner applies in a project of their own: the client function, its data, its identity. Only the
# federation's client queue may call the function, and only the function may read the data on the
# federation's behalf.
locals {
  labels = merge(var.labels, { application = "fedstratus", deployment = var.prefix })

  name    = "${var.prefix}-client"
  url     = "https://${local.name}-${var.project_number}.${var.region}.run.app"
  account = "${var.prefix}-client@${var.project_id}.iam.gserviceaccount.com"
  builder = "${var.prefix}-build@${var.project_id}.iam.gserviceaccount.com"
  bucket  = "${var.project_id}-${var.prefix}-data"

  features = { for path in var.features_path[*] : "CLIENT_FEATURES" => "gs://${local.bucket}/${path}" }

  bounds = { for name, bound in var.bounds : upper(name) => tostring(bound) if bound != null }

  registration = {
    clientId       = var.client_id
    url            = local.url
    serviceAccount = local.account
    capacity = {
      memoryMib      = var.limits.memory_mib
      vcpu           = var.limits.vcpu
      timeoutSeconds = var.limits.timeout_seconds
    }
    dataCard = { for name, value in var.data_card : name => value if value != null }
  }
}

module "services" {
  source = "../services"

  project_id = var.project_id
  services = [
    "artifactregistry.googleapis.com", "cloudbuild.googleapis.com", "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com", "iam.googleapis.com", "logging.googleapis.com", "run.googleapis.com",
    "storage.googleapis.com",
  ]
}

module "accounts" {
  source = "../accounts"

  accounts = { client = "${var.prefix}-client", build = "${var.prefix}-build" }
  project_grants = [
    { role = "roles/logging.logWriter", member = "serviceAccount:${local.builder}" },
  ]
  project_id = var.project_id

  depends_on = [module.services]
}

module "build" {
  source = "../build"

  build_account_email  = local.builder
  build_sources_grants = [{ role = "roles/storage.objectViewer", member = "serviceAccount:${local.builder}" }]
  labels               = local.labels
  project_id           = var.project_id
  region               = var.region
  repository_grants    = [{ role = "roles/artifactregistry.writer", member = "serviceAccount:${local.builder}" }]
  repository_id        = var.prefix
  sources_bucket       = "${var.project_id}-${var.prefix}-sources"

  depends_on = [module.accounts]
}

module "data" {
  source = "../bucket"

  delete_protection = var.delete_protection
  grants = concat(
    [{ role = "roles/storage.objectViewer", member = "serviceAccount:${local.account}" }],
    [for member in sort(var.data_writers) : { role = "roles/storage.objectUser", member = member }],
  )
  labels     = local.labels
  name       = local.bucket
  project_id = var.project_id
  region     = var.region

  depends_on = [module.accounts]
}

module "function" {
  source = "../function"

  account_email = local.account
  archive       = var.archive
  build         = module.build.build
  description   = "Trains on the data of ${var.client_id}"
  entry_point   = "client"
  environment = merge(local.bounds, local.features, {
    GOOGLE_CLOUD_PROJECT   = var.project_id
    TASK_INVOKER           = var.federation.task_invoker
    COORDINATOR_URL        = var.federation.coordinator_url
    CLIENT_URL             = local.url
    CLIENT_DATA            = "gs://${local.bucket}/${var.data_path}"
    MEMORY_MIB             = tostring(var.limits.memory_mib)
    VCPU                   = tostring(var.limits.vcpu)
    REQUIRE_NATIVE_TENSORS = tostring(var.require_native_tensors)
  })
  ingress              = "ALLOW_ALL" # The queue that calls it is in another project.
  labels               = local.labels
  limits               = merge(var.limits, { concurrency = 1, min_instances = 0 })
  name                 = local.name
  project_id           = var.project_id
  region               = var.region
  runtime              = var.runtime
  service_grants       = [{ role = "roles/run.invoker", member = "serviceAccount:${var.federation.task_invoker}" }]
  tensorflow_wheel_url = var.tensorflow_wheel_url
}

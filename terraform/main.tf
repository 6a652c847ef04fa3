# Wires the modules; every name, limit and grant comes from the contract.
module "contract" {
  source = "./contract"

  client_accounts        = var.client_accounts
  client_dispatch        = var.client_dispatch
  database_id            = var.database_id
  function_overrides     = var.function_overrides
  operators              = var.operators
  prefix                 = var.prefix
  project_id             = var.project_id
  project_number         = var.project_number
  region                 = var.region
  require_native_tensors = var.require_native_tensors
  runtime                = var.runtime
}

module "services" {
  source = "./modules/services"

  project_id = var.project_id
  services   = local.services
}

module "accounts" {
  source = "./modules/accounts"

  account_grants = {
    api             = module.contract.grants.api_account
    coordinator     = module.contract.grants.coordinator_account
    control-invoker = module.contract.grants.control_invoker
    client-invoker  = module.contract.grants.client_invoker
    operator        = module.contract.grants.operator_account
  }
  accounts       = { for key, account in module.contract.accounts : key => account.account_id }
  project_grants = module.contract.grants.project
  project_id     = var.project_id

  depends_on = [module.services]
}

module "build" {
  source = "./modules/build"

  build_account_email  = module.contract.accounts.build.email
  build_sources_grants = module.contract.grants.build_sources
  labels               = local.labels
  project_id           = var.project_id
  region               = var.region
  repository_grants    = module.contract.grants.repository
  repository_id        = var.prefix
  sources_bucket       = module.contract.buckets.sources

  depends_on = [module.accounts]
}

module "database" {
  source = "./modules/database"

  database_id            = module.contract.database_id
  delete_protection      = var.delete_protection
  grants                 = module.contract.grants.database
  point_in_time_recovery = var.point_in_time_recovery
  project_id             = var.project_id
  region                 = var.region

  depends_on = [module.accounts]
}

module "models" {
  source = "./modules/bucket"

  delete_protection = var.delete_protection
  expiring = [{
    age_days        = var.unused_update_days
    noncurrent_days = 1
    suffixes        = module.contract.update_suffixes
  }]
  grants     = module.contract.grants.models
  labels     = local.labels
  name       = module.contract.buckets.models
  project_id = var.project_id
  region     = var.region
  versioning = true

  # Versions bring back what was deleted; soft delete on top would bill it for as long again.
  soft_delete_days = 0

  depends_on = [module.accounts]
}

module "data" {
  source = "./modules/bucket"

  delete_protection = var.delete_protection
  folders = {
    clients    = module.contract.grants.clients_data
    evaluation = module.contract.grants.evaluation_data
  }
  grants     = module.contract.grants.data
  labels     = local.labels
  name       = module.contract.buckets.data
  project_id = var.project_id
  region     = var.region

  depends_on = [module.accounts]
}

module "queue" {
  source   = "./modules/queue"
  for_each = module.contract.queues

  name         = each.value.name
  project_id   = var.project_id
  queue_grants = module.contract.grants["${each.key}_queue"]
  rate         = each.value.rate
  region       = var.region
  retry        = each.value.retry

  depends_on = [module.accounts]
}

module "function" {
  source   = "./modules/function"
  for_each = module.contract.functions

  account_email        = module.contract.accounts[each.key].email
  archive              = "${var.archives_dir}/${local.archives[each.key]}"
  build                = module.build.build
  description          = local.descriptions[each.key]
  entry_point          = each.key
  environment          = module.contract.environment[each.key]
  ingress              = each.value.ingress
  labels               = local.labels
  limits               = each.value
  name                 = each.value.name
  project_id           = var.project_id
  region               = var.region
  runtime              = module.contract.runtime
  service_grants       = module.contract.grants[each.key]
  tensorflow_wheel_url = var.tensorflow_wheel_url
}

module "watchdog" {
  source = "./modules/watchdog"

  coordinator_url  = module.contract.functions.coordinator.url
  deadline_seconds = module.contract.task_deadline_seconds.coordinator
  invoker_email    = module.contract.accounts["control-invoker"].email
  name             = "${var.prefix}-watchdog"
  project_id       = var.project_id
  region           = var.region
  schedule         = var.watchdog_schedule

  depends_on = [module.function]
}

module "observability" {
  source = "./modules/observability"

  alert_emails   = var.alert_emails
  budget         = var.budget
  labels         = local.labels
  prefix         = var.prefix
  project_id     = var.project_id
  project_number = var.project_number
  services       = [for function in module.contract.functions : function.name]

  depends_on = [module.services]
}

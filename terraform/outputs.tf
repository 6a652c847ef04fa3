# A deployment's outputs.
output "api_url" {
  description = "Address of the api, and the audience of its callers' tokens."
  value       = module.contract.functions.api.url
}

output "buckets" {
  description = "Names of the buckets: models, data, sources."
  value       = module.contract.buckets
}

output "client_accounts" {
  description = "Service accounts that clients may be registered with."
  value       = concat([module.contract.accounts.client.email], sort(var.client_accounts))
}

output "client_registration" {
  description = "What POST /v1/clients takes of this deployment's own client function, beside the clientId."
  value       = module.contract.client_registration
}

output "data" {
  description = "Where to put data sets; {clientId} stands for the client's name."
  value       = module.contract.data
}

output "database_id" {
  description = "Id of the Firestore database."
  value       = module.contract.database_id
}

output "federation" {
  description = "What another organisation needs for its client_silo."
  value = {
    coordinator_url = module.contract.functions.coordinator.url
    task_invoker    = module.contract.accounts["client-invoker"].email
  }
}

output "functions" {
  description = "Of each function: name, address, service account and the address that Cloud Run reports."
  value = {
    for key, function in module.contract.functions : key => {
      name            = function.name
      url             = function.url
      service_account = module.contract.accounts[key].email
      reported_uri    = module.function[key].uri
    }
  }
}

output "operator" {
  description = "Service account that operators call the api and put data as."
  value       = module.contract.accounts.operator.email
}

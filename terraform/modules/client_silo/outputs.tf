# What an organisation's own client tells.
output "account_email" {
  description = "The client's service account: the federation adds it to its client_accounts."
  value       = module.accounts.emails.client
}

output "data_object" {
  description = "Where the data set has to be."
  value       = "gs://${module.data.name}/${var.client_id}.safetensors"
}

output "registration" {
  description = "What the federation's operators send to POST /v1/clients."
  value       = local.registration
}

output "registration_command" {
  description = "The registration as a command, for an operator of the federation."
  value       = "curl -sS -H \"Authorization: Bearer $(gcloud auth print-identity-token --impersonate-service-account=${var.federation.operator} --audiences=${var.federation.api_url} --include-email)\" -H 'Content-Type: application/json' ${var.federation.api_url}/v1/clients -d '${jsonencode(local.registration)}'"
}

output "url" {
  description = "Address of the client function."
  value       = local.url

  depends_on = [module.function]
}

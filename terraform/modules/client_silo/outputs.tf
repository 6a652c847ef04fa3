# The outputs of an organisation's own client.
output "account_email" {
  description = "The client's service account: the federation adds it to its client_accounts."
  value       = local.account
}

output "data_object" {
  description = "Where the data set has to be."
  value       = "gs://${local.bucket}/${var.client_id}.safetensors"
}

output "registration" {
  description = "What this client is: give it to the federation as a file, terraform output -json registration > CLIENT_ID.json."
  value       = local.registration
}

output "url" {
  description = "Address of the client function."
  value       = local.url
}

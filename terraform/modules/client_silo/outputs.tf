# The outputs of an organisation's own client.
output "account_email" {
  description = "The client's service account: the federation adds it to its client_accounts."
  value       = local.account
}

output "data_object" {
  description = "Where the data set has to be; the default one, where runs may name several."
  value       = "gs://${local.bucket}/${replace(replace(var.data_path, "{clientId}", var.client_id), "{data}", "default")}"
}

output "registration" {
  description = "What this client is: give it to the federation as a file, terraform output -json registration > CLIENT_ID.json."
  value       = local.registration
}

output "url" {
  description = "Address of the client function."
  value       = local.url
}
